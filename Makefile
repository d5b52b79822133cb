# SPDX-License-Identifier: GPL-2.0
# The commands of this repository; `make help` lists them. kbuild reads Kbuild, not this file.

KDIR ?=
TRACE ?=
PREFIX ?= /usr/local
DESTDIR ?=
export KDIR TRACE

.DEFAULT_GOAL := all
.PHONY: all modules userspace selftests setup demo check check-debug soak lint matrix bench coverage \
	install dkms deb clean help

## all: kernel modules for KDIR (default: the running kernel) and user space, into build/
all: modules userspace

## modules: the kernel modules only
modules:
	@scripts/modules --default

## userspace: library, tools, daemon
userspace:
	@$(MAKE) -C userspace all

selftests:
	@$(MAKE) -C tests/selftests all

## setup: install the Debian packages that everything below needs (they call it themselves)
setup:
	@scripts/setup

## demo: build all, boot a virtual machine, replay a trace through /dev/kvmem; TRACE=FILE.jsonl
demo:
	@scripts/demo

## check: every test that a change must pass; the last line is the count
check:
	@scripts/check

## check-debug: the same on kernels with sanitizers, lock checking, leak scan and fault injection
check-debug:
	@scripts/check debug

## soak: the debug lanes with long parameters (hours)
soak:
	@scripts/check soak

## lint: checkpatch, sparse, shellcheck, cppcheck
lint:
	@scripts/lint

## matrix: compile on the oldest and newest kernels we support, warnings as errors
matrix:
	@scripts/matrix

## bench: the benchmarks in a virtual machine
bench:
	@scripts/bench

## coverage: line coverage of the modules under KUnit
coverage:
	@scripts/coverage

## install: modules for KDIR, and user space below PREFIX (and DESTDIR)
install: all
	@scripts/modules --install "$(DESTDIR)" --default
	@$(MAKE) -C userspace install PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)"

## dkms: register, build and install the modules with DKMS
dkms:
	@scripts/dkms

## deb: Debian packages into build/deb
deb:
	@scripts/deb

## clean: remove build/ (the kernels in the user's cache stay)
clean:
	rm -rf build

## help: this list
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
