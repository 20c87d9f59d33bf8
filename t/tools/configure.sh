#!/bin/bash
#
# configures nginx's source for the module alone, as Debian's packages of
# modules are; usage: configure.sh NGINX_SRC MODULE_SRC OBJS CC CFLAGS

set -e

src=$1 module=$2 objs=$3 cc=$4 extra=$5

cd "$src"

if [ -f conf_flags ]; then
    . ./conf_flags
else
    NGX_CONF_FLAGS=(--with-compat --with-threads --with-http_ssl_module
                    --with-http_v2_module)
fi

configure=./configure
[ -x auto/configure ] && [ ! -x configure ] && configure=auto/configure

# sanitizers break the feature tests of configure: compile with them only

$configure --with-cc="$cc" --with-cc-opt="-g -O2 -fPIC $CFLAGS" \
    --with-ld-opt="-Wl,-z,relro -Wl,-z,now -fPIC" \
    "${NGX_CONF_FLAGS[@]}" --add-dynamic-module="$module" \
    --builddir="$objs" > "$objs.log" 2>&1 || { cat "$objs.log"; exit 1; }

if [ -n "$extra" ]; then
    sed -i "s|^CFLAGS = |CFLAGS = $extra |; s|^LINK =.*|& $extra|" \
        "$objs/Makefile"
fi
