# SPDX-License-Identifier: GPL-2.0
# libFuzzer programs for what kvmemd, kvmemctl and peers read from others; they need clang.
#
#   make -C userspace fuzz [FUZZ_SECONDS=30]      each for that long
#
# What they learn stays in build/userspace/fuzz/corpus.
FUZZ_SECONDS ?= 30
FUZZ_CC	?= clang
FUZZ_SAN := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_PROGRAMS := fuzz_config fuzz_media fuzz_netlink fuzz_wire

$(O)/fuzzobj/%.o: $(TOP)/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(KV_CFLAGS) $(FUZZ_CFLAGS) $(FUZZ_SAN) -I$(TOP)/tests -c -o $@ $<

FUZZ_CFLAGS = $(shell pkg-config --cflags libnl-genl-3.0 libconfig libsystemd)

define fuzzer
$(O)/fuzz/$(1): $$(call objs,fuzzobj,$(2))
	@mkdir -p $$(@D)
	$$(FUZZ_CC) $$(KV_CFLAGS) $$(FUZZ_SAN) -fsanitize=fuzzer $$(LDFLAGS) -o $$@ $$^ $(3)
endef

$(eval $(call fuzzer,fuzz_config,fuzz/fuzz_config.c $(CONFIG_SRCS) $(POLICY_SRCS),\
	-lconfig -lsystemd -lm))
$(eval $(call fuzzer,fuzz_netlink,fuzz/fuzz_netlink.c tests/fake_kernel.c \
	tests/fake_cluster.c $(CLUSTER_SRCS) $(RING_SRCS) $(addprefix daemon/,attach.c control.c link.c loop.c reconcile.c watch.c) $(CONFIG_SRCS) \
	$(STATE_SRCS) $(NL_SRCS) $(POLICY_SRCS),$(NL_LIBS) -lconfig -lsystemd $(CLUSTER_LIBS)))

$(eval $(call fuzzer,fuzz_media,fuzz/fuzz_media.c ctl/media_json.c $(MEDIA_IMAGE_SRCS),\
	$(MEDIA_LIBS) -ljansson))

$(eval $(call fuzzer,fuzz_wire,fuzz/fuzz_wire.c $(WIRE_SRCS)))
$(addprefix $(O)/fuzzobj/,fuzz/fuzz_wire.o tests/wire_kernel.o tests/wire_walk.o): CFLAGS += -I$(TOP)/../kmod

$(O)/fuzz/seeds: $(TOP)/fuzz/seeds.py $(wildcard $(TOP)/fuzz/seeds/*) $(TOP)/daemon/dist/kvmemd.conf
	@mkdir -p $@/fuzz_config
	python3 $< $@/fuzz_netlink
	cp $(filter-out $<,$^) $@/fuzz_config
	touch $@

$(O)/fuzz/seeds/fuzz_media: $(TOP)/fuzz/seeds_media.py
	python3 $< $@
	touch $@

fuzz-fuzz_media: $(O)/fuzz/seeds/fuzz_media

# One of each kind, by the code that the kernel's tests use, and what makes the fuzzer put the sum right
$(O)/fuzz/seeds/fuzz_wire: $(O)/bin/wire_capsules
	@mkdir -p $@
	$< fuzz $@
	touch $@

fuzz-fuzz_wire: $(O)/fuzz/seeds/fuzz_wire

fuzz: $(addprefix fuzz-,$(FUZZ_PROGRAMS))

$(addprefix fuzz-,$(FUZZ_PROGRAMS)): fuzz-%: $(O)/fuzz/% $(O)/fuzz/seeds
	@mkdir -p $(O)/fuzz/corpus/$*
	$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 \
		-artifact_prefix=$(O)/fuzz/$*- $(O)/fuzz/corpus/$* $(O)/fuzz/seeds/$*

.PHONY: fuzz $(addprefix fuzz-,$(FUZZ_PROGRAMS))
