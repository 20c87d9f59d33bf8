#!/bin/sh
#
# installs what is missing; usage: deps.sh build|test|demo|bench|suite|npm

build="gcc make libc6-dev nginx nginx-dev libyajl-dev liblmdb-dev
       libicu-dev zlib1g-dev libpcre2-dev libssl-dev"
demo="$build perl curl prometheus-alertmanager"
test="$demo clang libclang-rt-14-dev libasan8 libubsan1 openssl lmdb-utils
      libio-socket-ssl-perl nghttp2-client dnsmasq-base
      libnginx-mod-http-image-filter fcgiwrap uwsgi-core
      uwsgi-plugin-python3 memcached python3-grpcio python3-websockets
      python3-aiosmtpd python3-jsonschema prometheus"
bench="$demo valgrind"
npm="nodejs npm"
suite="$build perl git openssl memcached uwsgi-core uwsgi-plugin-python3 ffmpeg
       libio-socket-ssl-perl libcryptx-perl libfcgi-perl libgd-perl
       libcache-memcached-perl libcache-memcached-fast-perl
       libprotocol-websocket-perl libnginx-mod-http-geoip
       libnginx-mod-http-image-filter libnginx-mod-http-perl
       libnginx-mod-http-xslt-filter libnginx-mod-mail libnginx-mod-stream
       libnginx-mod-stream-geoip"

eval "want=\$${1:-test}"

missing=

for p in $want; do
    dpkg-query -W -f '${db:Status-Status}\n' $p 2>/dev/null \
        | grep -qx installed || missing="$missing $p"
done

[ -z "$missing" ] && exit 0

echo "installing:$missing"

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo

# Debian starts what it installs: not for this

made=
if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee /usr/sbin/policy-rc.d >/dev/null
    $sudo chmod +x /usr/sbin/policy-rc.d
    made=1
fi

$sudo apt-get update -qq \
    && $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing
rc=$?

[ -n "$made" ] && $sudo rm -f /usr/sbin/policy-rc.d

# nor at the next boot

for p in prometheus prometheus-alertmanager fcgiwrap memcached; do
    case " $missing " in
        *" $p "*)
            [ $rc != 0 ] || $sudo update-rc.d $p disable
            ;;
    esac
done

exit $rc
