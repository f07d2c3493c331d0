# SPDX-License-Identifier: Apache-2.0
# Plain and non-recursive. One build/VARIANT/ per flavour:
#   make VARIANT=asan ...   ASan + UBSan      make VARIANT=tsan ...   TSan
# V=1 shows commands, WERROR=1 makes warnings errors, CC=clang works.
# Lines with '##' after a target are what `make help` prints. Test targets end
# in "LABEL: N passed, N failed, N skipped", which tools/check.sh adds up.

VARIANT ?= plain
O := build/$(VARIANT)
CC ?= gcc
PKGS := fuse3 libcurl libcjson libcrypto sqlite3 libisal zlib expat
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
SIM_LIBS := $(shell pkg-config --libs libmicrohttpd libcjson libcrypto zlib expat 2>/dev/null)

VERSION := 0.1.0
WARN := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wcast-qual -Wundef
HARDEN := -fno-common -fvisibility=hidden -fstack-protector-strong \
	-fstack-clash-protection -fPIE
OPT := -O2 -g
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
ifeq ($(VARIANT),asan)
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
FORTIFY :=
endif
ifeq ($(VARIANT),tsan)
OPT := -O1 -g -fsanitize=thread
FORTIFY :=
endif
ifeq ($(VARIANT),fuzz)
OPT := -O1 -g -fno-omit-frame-pointer \
	-fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
FORTIFY :=
endif
CFLAGS_ALL := -std=gnu11 -D_GNU_SOURCE -DSL_VERSION='"$(VERSION)"' \
	$(OPT) $(WARN) $(HARDEN) $(FORTIFY) -Iinclude -Ifs -I. $(PKG_CFLAGS) \
	-pthread $(if $(filter 1,$(WERROR)),-Werror) $(CFLAGS)
LDFLAGS_ALL := $(filter -fsanitize=%,$(OPT)) -pie -Wl,-z,relro,-z,now \
	-pthread $(LDFLAGS)
ifneq ($(V),1)
Q := @
endif

LIB_SRC := $(wildcard fs/base/*.c fs/sstable/*.c fs/migration/*.c \
	fs/upload/*.c backends/*.c backends/*/*.c)
MOUNT_SRC := $(wildcard fs/*.c fs/mount/*.c)
CTL_SRC := $(wildcard tools/sideloadctl/*.c)
CHECK_SRC := $(wildcard tools/sideload-check/*.c)
SIM_SRC := $(wildcard tools/astra-sim/*.c)
UNIT := $(patsubst tests/unit/%.c,$(O)/tests/%,$(wildcard tests/unit/test_*.c))
CONF_SRC := $(wildcard tests/conformance/*.c)
LOST_SRC := $(wildcard tests/lost/*.c)
CROWD_SRC := $(wildcard tests/crowd/*.c)
TESTLIB_SRC := $(wildcard tests/lib/*.c)
SINK_SRC := $(wildcard tests/bench/sink*.c)
BENCH_PROGRAMS := $(O)/tests/sink $(O)/tests/nullfs $(O)/tests/validate

LIB := $(O)/libsideload.a
PROGRAMS := $(O)/sideloadfs $(O)/sideloadctl $(O)/sideload-check \
	$(O)/astra-sim
obj = $(patsubst %.c,$(O)/obj/%.o,$(1))

.DEFAULT_GOAL := all
all: $(PROGRAMS) ## the programs

$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC      $<")
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(LIB): $(call obj,$(LIB_SRC))
	@mkdir -p $(@D)
	$(if $(Q),@echo "  AR      $@")
	$(Q)rm -f $@ && ar rcs $@ $^

define link
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK    $@")
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(1) $(2)
endef

$(O)/sideloadfs: $(call obj,$(MOUNT_SRC)) $(LIB)
	$(call link,$^,$(PKG_LIBS))
# Its doctor takes the options of a mount.
$(O)/sideloadctl: $(call obj,$(CTL_SRC) $(wildcard fs/options*.c)) $(LIB)
	$(call link,$^,$(PKG_LIBS))
$(O)/sideload-check: $(call obj,$(CHECK_SRC)) $(LIB)
	$(call link,$^,$(PKG_LIBS))
$(O)/astra-sim: $(call obj,$(SIM_SRC))
	$(call link,$^,$(SIM_LIBS))
$(O)/tests/test_%: $(O)/obj/tests/unit/test_%.o $(call obj,$(TESTLIB_SRC)) $(LIB)
	$(call link,$^,-lcmocka $(PKG_LIBS))
$(O)/tests/conformance: $(call obj,$(CONF_SRC)) $(call obj,$(TESTLIB_SRC)) $(LIB)
	$(call link,$^,-lcmocka $(PKG_LIBS))

$(O)/tests/lost: $(call obj,$(LOST_SRC)) $(call obj,$(TESTLIB_SRC)) $(LIB)
	$(call link,$^,$(PKG_LIBS))

$(O)/tests/crowd: $(call obj,$(CROWD_SRC)) $(LIB)
	$(call link,$^,$(PKG_LIBS))
$(O)/tests/sink: $(call obj,$(SINK_SRC)) $(LIB)
	$(call link,$^,-lssl $(PKG_LIBS))
$(O)/tests/nullfs: $(call obj,tests/bench/nullfs.c)
	$(call link,$^,$(PKG_LIBS))
$(O)/tests/validate: $(call obj,tests/bench/validate.c) $(LIB)
	$(call link,$^,$(PKG_LIBS))

unit: $(UNIT)
conformance: $(O)/tests/conformance ## build the backends' conformance program

# Set to nothing it names no directory.
ifeq ($(strip $(SL_FIXTURES)),)
unexport SL_FIXTURES
endif

LOGS := $(O)/log
TAP_RUN := sh tools/tap-run.sh
# Label of a run: "unit" of the plain flavour, "asan-unit" of another.
LABEL := $(if $(filter plain,$(VARIANT)),,$(VARIANT)-)
SANITIZE := ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 \
	UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
# Not abspath, which would split a path with a blank in it.
export SL_BUILD = $(if $(filter /%,$(O)),$(O),$(CURDIR)/$(O))

check: check-unit check-conformance check-lost check-crowd check-bats check-tools \
	check-damage ## what a change must pass

check-unit: $(UNIT) ## unit tests (cmocka)
	$(Q)$(SANITIZE) $(TAP_RUN) $(LABEL)unit $(LOGS) $(UNIT)

# The threaded parts, for TSan: their tests by the names of their files.
THREADED := $(foreach f,engine upload budget part http retry call ledger \
	migration actor devops creds cred credentials refresh cleanup log \
	file_backend file s3 gcs_token,\
	$(filter $(O)/tests/test_$(f) $(O)/tests/test_$(f)_%,$(UNIT)))
check-threaded: $(sort $(THREADED))
	$(Q)$(SANITIZE) $(TAP_RUN) $(LABEL)unit $(LOGS) $^

check-conformance: conformance $(O)/astra-sim ## every backend, one suite
	$(Q)$(TAP_RUN) $(LABEL)conformance $(LOGS) \
		-c 'sh tests/conformance/run.sh' -a '$(O)/astra-sim' \
		$(O)/tests/conformance

check-lost: $(O)/tests/lost $(O)/astra-sim ## lost answers and other faults
	$(Q)$(TAP_RUN) $(LABEL)lost $(LOGS) \
		-c 'sh tests/conformance/lost.sh' $(O)

check-crowd: $(O)/tests/crowd $(O)/astra-sim ## 300 mounts and one service
	$(Q)$(TAP_RUN) $(LABEL)crowd $(LOGS) \
		-c 'sh tests/crowd/run.sh' $(O)

BATS := $(wildcard tests/bats/*.bats)
# They mostly wait; the longest begin first.
BATS_JOBS ?= 3
BATS_LONG := $(patsubst %,tests/bats/%.bats,credentials-life-outage \
	credentials-life credentials budget aws api control)
check-bats: all man conformance bench-programs ## end to end, with real mounts
	$(Q)sh tools/tap-many.sh $(BATS_JOBS) $(LABEL)bats $(LOGS) \
		'bats --formatter tap' $(BATS_LONG) \
		$(sort $(filter-out $(BATS_LONG),$(BATS)))

CLOUDS ?= s3 gcs azure
check-tools: all ## the table of tools: what each does to a mount
	$(Q)status=0; for cloud in $(CLOUDS); do echo "-- on $$cloud"; \
		$(TAP_RUN) $(LABEL)tools $(LOGS) -c 'python3 -B' \
		-a "--cloud $$cloud" tests/tools/run.py || status=1; \
		done; exit $$status

# Its matrix of damages is a file that must not change unseen.
check-damage: all ## damaged snapshots: each damage found, each rule reached
	$(Q)$(TAP_RUN) $(LABEL)damage $(LOGS) -c 'python3 -B' -a '$(SL_BUILD)' \
		tests/damage/run.py
ifneq ($(SL_FIXTURES),)
	$(Q)$(TAP_RUN) $(LABEL)damage-fixtures $(LOGS) -c 'python3 -B' \
		-a '--fixtures --count 1 $(SL_BUILD)' tests/damage/run.py
endif

# Asks Maven for Cassandra once. SL_CASSANDRA=must: nothing may be missing.
check-cassandra: all ## beside a real Cassandra 4.1: verdicts, and an import
	$(Q)SL_TEST_TIMEOUT=2400 $(TAP_RUN) $(LABEL)cassandra $(LOGS) \
		-c 'python3 -B' tests/cassandra/run.py
	$(Q)sed -n 's/^# |/|/p' $(LOGS)/$(LABEL)cassandra-run.py.tap

check-smoke: all
	$(Q)$(SANITIZE) $(TAP_RUN) $(LABEL)smoke $(LOGS) \
		-c 'bats --formatter tap' tests/bats/smoke.bats

check-asan: ## unit tests and one mount under ASan and UBSan
	$(Q)env -u SL_FIXTURES $(MAKE) VARIANT=asan O=build/asan check-unit
	$(Q)$(MAKE) VARIANT=asan O=build/asan check-smoke

check-tsan: ## the threaded parts under TSan
	$(Q)$(MAKE) VARIANT=tsan O=build/tsan check-threaded
	$(Q)$(MAKE) VARIANT=tsan O=build/tsan check-stress

# SL_STRESS_SECONDS, SL_STRESS_SEED: see the script.
check-stress: all # a mount with 32 writers, expiry, interrupts, an unmount
	$(Q)$(TAP_RUN) $(LABEL)stress $(LOGS) -c python3 tests/stress/mount.py

# By the environment, because the flags hold quotes of their own.
lint check-headers: export SL_CFLAGS = $(filter-out -Werror,$(CFLAGS_ALL))
HEADERS = $(sort $(shell find include fs backends tools tests \
	-name '*.h' -not -path 'tests/data/*'))
check-headers: ## each header compiles alone
	$(Q)CC='$(CC)' sh tools/lint/headers.sh $(HEADERS)

lint: ## warnings, sizes, complexity, arrows, style, shell
	$(Q)sh tools/lint/lint.sh

FUZZ_RUNS ?= 20000
FUZZ := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz: ## short, bounded runs of every fuzz target (clang)
	$(Q)$(MAKE) VARIANT=fuzz O=build/fuzz CC=clang FUZZ_RUNS=$(FUZZ_RUNS) fuzz-run
fuzz-run: $(FUZZ)
	$(Q)sh tools/fuzz-run.sh $(LOGS) $(FUZZ_RUNS) $(FUZZ)
$(O)/fuzz/fuzz_%: $(O)/obj/tests/fuzz/fuzz_%.o $(LIB)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK    $@")
	$(Q)$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS)

# A tool that cannot be had is skipped, by name.
MC_VERSION := v0.0.0-20250313080218-cf909e1063a9
bench-tools:
	$(Q)-sh tools/setup-packages.sh bench
	$(Q)-[ -x build/tools/mc ] || ! command -v go >/dev/null || \
		GOBIN='$(CURDIR)/build/tools' \
		go install github.com/minio/mc@$(MC_VERSION)

bench-programs: $(BENCH_PROGRAMS) # what tests/bats/bench.bats needs
# BENCH="big small latency percon tls", BENCH_SCALE=0.1: see the script.
bench: all $(BENCH_PROGRAMS) bench-tools ## speed beside other tools, as ratios
	$(Q)python3 tests/bench/run.py $(BENCH)

nightly: ## what is too long for CI: long fuzzing, many seeds, sanitized mounts
	$(Q)$(MAKE) check-unit check-conformance
	$(Q)$(MAKE) all $(O)/tests/lost
	$(Q)sh tests/conformance/lost.sh $(O) 1000 "$$(date +%s)"
	$(Q)SL_CREDS_LIFE=20 sh tools/tap-many.sh 2 nightly-$(LABEL)life \
		$(LOGS) 'bats --formatter tap' \
		tests/bats/credentials-life.bats \
		tests/bats/credentials-life-outage.bats
	$(Q)$(MAKE) VARIANT=asan O=build/asan check-bats
	$(Q)$(MAKE) VARIANT=tsan O=build/tsan check-smoke
	$(Q)SL_STRESS_SECONDS=300 SL_STRESS_SEED="$$(date +%s)" \
		$(MAKE) VARIANT=tsan O=build/tsan check-stress
	$(Q)SL_STRESS_SECONDS=120 SL_STRESS_SEED="$$(date +%s)" \
		$(MAKE) VARIANT=asan O=build/asan check-stress
	$(Q)$(MAKE) fuzz FUZZ_RUNS=2000000
	$(Q)for seed in 2 3 4 "$$(date +%s)"; do \
		python3 -B tests/damage/run.py --seed $$seed '$(SL_BUILD)' || \
		exit 1; done
	$(Q)$(MAKE) check-cassandra

PODS := $(wildcard fs/*.pod tools/*/*.pod backends/*/*.pod)
MAN := $(foreach p,$(PODS),$(O)/man/$(basename $(notdir $(p))))
man: $(MAN) ## manual pages
define man_rule
$(O)/man/$(basename $(notdir $(1))): $(1)
	@mkdir -p $$(@D)
	$(if $(Q),@echo "  POD     $$@")
	$(Q)pod2man --errors=die --utf8 --center='sideloadfs' \
		--release='$(VERSION)' --section=1 $$< $$@
endef
$(foreach p,$(PODS),$(eval $(call man_rule,$(p))))

BINDIR := $(DESTDIR)$(PREFIX)/bin
MANDIR := $(DESTDIR)$(PREFIX)/share/man/man1
DOCDIR := $(DESTDIR)$(PREFIX)/share/doc/sideloadfs
install: all man ## into $(DESTDIR)$(PREFIX), default /usr/local
	install -d '$(BINDIR)' '$(MANDIR)' '$(DOCDIR)'
	install -m 755 $(PROGRAMS) '$(BINDIR)'
	install -m 644 $(MAN) '$(MANDIR)'
	install -m 644 README.md tools/packaging/LICENSE '$(DOCDIR)'

uninstall: ## what install put there
	cd '$(BINDIR)' && rm -f $(notdir $(PROGRAMS))
	cd '$(MANDIR)' && rm -f $(notdir $(MAN))
	rm -rf '$(DOCDIR)'

DIST := sideloadfs-$(VERSION)
dist: ## source archive of HEAD, the same bytes each time
	@mkdir -p build
	git archive --format=tar --prefix=$(DIST)/ HEAD | \
		gzip -9n >build/$(DIST).tar.gz

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / \
		{ printf "  %-18s %s\n", $$1, $$2 }' Makefile

clean: ## remove build/
	rm -rf build

.PHONY: all unit conformance check check-unit check-threaded \
	check-conformance check-lost check-crowd check-bats check-tools check-damage check-cassandra check-smoke \
	check-stress check-asan check-tsan check-headers lint fuzz fuzz-run bench bench-programs \
	bench-tools nightly man install uninstall dist help clean
.PRECIOUS: $(O)/obj/%.o
-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
