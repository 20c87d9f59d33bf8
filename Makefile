# ngx_http_webhook_module: make help

SHELL = /bin/bash

NGINX_SRC ?= /usr/share/nginx/src
OBJS ?= $(CURDIR)/objs
CC ?= cc
MODULE = $(OBJS)/ngx_http_webhook_module.so

NPROC = $(shell nproc)

# tests wait more than they work
JOBS = $(shell expr $(NPROC) + 1)

SUDO = $(shell test `id -u` = 0 || echo sudo)

# "make ICU=no" builds without it
ICU ?= $(shell $(CC) -E -x c -include unicode/udat.h /dev/null \
	>/dev/null 2>&1 && echo yes || echo no)

NO_LOCALE = src/base/wh_locale$(if $(filter no,$(ICU)),,_none).c
BASE = $(filter-out $(NO_LOCALE),$(wildcard src/base/*.c))
UNIT_BASE = $(patsubst src/base/%.c,$(OBJS)/unit/base/%.o,$(BASE))
UNITS = $(patsubst t/unit/%.c,$(OBJS)/unit/%,$(wildcard t/unit/*.c))
MODEL = $(OBJS)/unit/sched_model
FUZZERS = $(patsubst t/fuzz/%_fuzz.c,%,$(wildcard t/fuzz/*_fuzz.c))

UNIT_CFLAGS = -std=gnu99 -g -O1 -Wall -Wextra -Wshadow -Wconversion -Werror \
	-fno-omit-frame-pointer -Isrc/base -It/unit \
	$(if $(filter no,$(ICU)),,-DWH_UNIT_ICU=1)
UNIT_LIBS = -lyajl -lz -lcrypto -lpthread \
	$(if $(filter no,$(ICU)),,-licui18n -licuuc -licudata)
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined

FUZZ_BASE = $(patsubst src/base/%.c,$(OBJS)/fuzz/base/%.o,$(BASE))
FUZZ_CFLAGS = -g -O1 -Isrc/base $(SANITIZE)

TESTS ?= t/*.t
T ?= 60
SCHEDULES ?= 200

NPM = $(OBJS)/npm
NPM_PACKAGES = standardwebhooks@1.0.0 cloudevents@10.0.0 \
	@seriousme/openapi-schema-validator@2.11.0

# a checkout; the last one for versions before 1.25
NGINX_TESTS ?= $(OBJS)/nginx-tests
NGINX_TESTS_COMMIT ?= e352954a26cf2a5c10286ec120b3f25d16c2c53e

.SECONDARY:

.PHONY: all help deps deps-test module stop-module unit test test-all npm \
	random asan model model-pure fuzz replay nginx-tests bench fairness \
	instructions stalls large api-load history-million dead-letters demo \
	clean


all: module				## build the module

help:					## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 12

deps:					## install what building and testing need
	@t/tools/deps.sh $(DEPS)

module: $(MODULE)			## build objs/ngx_http_webhook_module.so

$(OBJS)/Makefile: config config.make
	@$(MAKE) --no-print-directory deps DEPS=build
	mkdir -p $(OBJS)
	WEBHOOK_ICU=$(if $(filter no,$(ICU)),NO) \
		t/tools/configure.sh "$(NGINX_SRC)" "$(CURDIR)" "$(OBJS)" \
		"$(CC)" "$(CFLAGS_EXTRA)"

$(MODULE): $(OBJS)/Makefile $(shell find src -name '*.[ch]' -o -name '*.json')
	$(MAKE) -f $(OBJS)/Makefile -C "$(NGINX_SRC)" modules

$(OBJS)/unit/base/%.o: src/base/%.c $(wildcard src/base/*.h)
	@mkdir -p $(OBJS)/unit/base
	$(CC) $(UNIT_CFLAGS) $(SANITIZE) -c -o $@ $<

$(OBJS)/unit/%: t/unit/%.c $(UNIT_BASE) t/unit/tap.h
	$(CC) $(UNIT_CFLAGS) $(SANITIZE) -o $@ $< $(UNIT_BASE) $(UNIT_LIBS)

$(MODEL): $(wildcard t/sched_model/*.[ch]) $(UNIT_BASE)
	$(CC) $(UNIT_CFLAGS) $(SANITIZE) -o $@ t/sched_model/*.c $(UNIT_BASE) \
		$(UNIT_LIBS)

unit: deps-test $(UNITS) $(MODEL)	## unit tests, with sanitizers
	prove -e '' $(UNITS) $(MODEL)

model-pure: $(MODEL)			## the scheduler in 100000 random schedules
	$(MODEL) -n 100000 -j $(NPROC)
	WEBHOOK_MUTANT_SCHEDULES=100000 prove t/sched_model/mutants.t

# ICU may have come with them: what was configured without it is once more

deps-test:
	@$(MAKE) --no-print-directory deps DEPS=test
	@test "$(ICU)" = no || test ! -f $(OBJS)/Makefile \
		|| grep -q -e -licui18n $(OBJS)/Makefile \
		|| rm -rf $(OBJS)/Makefile $(OBJS)/addon $(MODULE)

stop-module:				# with stop points, for t/stop_*.t, t/notify_claim.t
	@$(MAKE) --no-print-directory module OBJS=$(OBJS)-stop \
		CFLAGS_EXTRA=-DNGX_HTTP_WEBHOOK_STOP_POINTS=1

test: deps-test module stop-module $(UNITS) $(MODEL)	## unit and integration tests (TESTS=)
	prove -e '' $(UNITS) $(MODEL)
	prove -j$(JOBS) --state=save -It/lib $(TESTS)

test-all: test random npm model model-pure dead-letters replay asan fuzz	## tests, sanitizers, fuzzing

$(NPM)/installed: Makefile
	@command -v npm >/dev/null || $(MAKE) --no-print-directory deps DEPS=npm
	npm install --silent --no-fund --no-audit --prefix $(NPM) \
		$(NPM_PACKAGES)
	touch $@

npm: deps-test module $(NPM)/installed	## what others' libraries say to what is made
	NODE_PATH=$(NPM)/node_modules prove -It/lib t/npm/*.t

model: deps-test module			## compare random schedules with what is promised
	WEBHOOK_MODEL=$(SCHEDULES) prove -It/lib t/model.t

random: deps-test module			## random values in every position
	WEBHOOK_RANDOM=300 prove -v -It/lib t/injection_random.t

asan: deps-test				## integration tests, AddressSanitizer, UBSan
	$(MAKE) module OBJS=$(CURDIR)/objs-asan \
		CFLAGS_EXTRA="$(SANITIZE) -fno-omit-frame-pointer"
	TEST_WEBHOOK_MODULE=$(CURDIR)/objs-asan/ngx_http_webhook_module.so \
	TEST_NGINX_PRELOAD="`$(CC) -print-file-name=libasan.so` `$(CC) -print-file-name=libubsan.so`" \
	prove -j$(NPROC) -It/lib $(TESTS)

dead-letters: deps-test module		## send 10000 dead letters again, under traffic
	WEBHOOK_REPLAY=10000 prove -It/lib t/replay.t

fuzz: deps-test				## fuzz every parser and renderer for T seconds each
	@$(MAKE) --no-print-directory -j$(NPROC) $(FUZZERS:%=$(OBJS)/fuzz/%_fuzz)
	@$(MAKE) --no-print-directory -j$(NPROC) -O $(FUZZERS:%=run-%_fuzz)

run-%_fuzz: $(OBJS)/fuzz/%_fuzz
	@mkdir -p $(OBJS)/fuzz/$*
	@echo $*_fuzz
	@$< -max_total_time=$(T) -verbosity=0 -artifact_prefix=$(OBJS)/fuzz/ \
		$(OBJS)/fuzz/$* t/fuzz/corpus/$*_fuzz

$(OBJS)/fuzz/base/%.o: src/base/%.c $(wildcard src/base/*.h)
	@mkdir -p $(OBJS)/fuzz/base
	clang $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(OBJS)/fuzz/%_fuzz: t/fuzz/%_fuzz.c t/fuzz/fuzz.h $(FUZZ_BASE)
	clang $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_BASE) \
		$(UNIT_LIBS)

replay: deps-test			## run the fuzzers' corpora
	@$(MAKE) --no-print-directory -j$(NPROC) -O $(FUZZERS:%=replay-%_fuzz)

replay-%_fuzz: $(OBJS)/fuzz/%_replay
	@echo $*_fuzz
	@$< t/fuzz/corpus/$*_fuzz/*

$(OBJS)/fuzz/%_replay: t/fuzz/%_fuzz.c t/fuzz/fuzz.h t/fuzz/replay.c $(UNIT_BASE)
	@mkdir -p $(OBJS)/fuzz
	$(CC) $(UNIT_CFLAGS) $(SANITIZE) -o $@ $< t/fuzz/replay.c \
		$(UNIT_BASE) $(UNIT_LIBS)

$(NGINX_TESTS):
	git clone -q https://github.com/nginx/nginx-tests $@
	git -C $@ checkout -q $(NGINX_TESTS_COMMIT)

nginx-tests: module			## nginx's tests, without the module and with it
	@$(MAKE) --no-print-directory deps DEPS=suite
	@$(MAKE) --no-print-directory $(NGINX_TESTS)
	perl t/tools/nginx_tests.pl -j$(NPROC) $(NGINX_TESTS) $(FILES)

bench: deps-test module			## compare with mirror and post_action
	perl -It/lib t/bench/bench.pl

fairness: deps-test module		## what endpoints that fail do to others
	perl -It/lib t/bench/fairness.pl

demo: module				## see a webhook delivered
	@$(MAKE) --no-print-directory deps DEPS=demo
	perl -It/lib t/tools/demo.pl

instructions: module			## count the instructions of an event
	@$(MAKE) --no-print-directory deps DEPS=bench
	perl -It/lib t/bench/instructions.pl

large: deps-test module		## what 10,000 endpoints cost
	perl -It/lib t/bench/large.pl

stalls: module				## how long bodies of 1 MB hold the event loop
	@$(MAKE) --no-print-directory deps DEPS=test
	perl -It/lib t/bench/stalls.pl

api-load: module			## count what readers of the API cost requests
	@$(MAKE) --no-print-directory deps DEPS=bench
	perl -It/lib t/bench/api.pl

history-million: module			## read a history of a million attempts
	@$(MAKE) --no-print-directory deps DEPS=test
	perl -It/lib t/bench/history.pl

clean:					## remove what was built
	rm -rf objs objs-*
