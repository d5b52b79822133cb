# SPDX-License-Identifier: GPL-2.0
FAKE := $(addprefix tests/,fake_kvmem.c fake_knobs.c fake_ops.c fake_store.c)

$(eval $(call unittest,test_lib,tests/test_lib.c $(FAKE) $(LIB_SRCS)))
$(eval $(call unittest,test_reattach,tests/test_reattach.c $(FAKE) $(LIB_SRCS)))
$(eval $(call unittest,test_threads,tests/test_threads.c $(FAKE) $(LIB_SRCS)))
$(eval $(call tsantest,test_threads_tsan,tests/test_threads.c $(FAKE) $(LIB_SRCS)))
$(eval $(call unittest,test_trace,tests/test_trace.c $(TRACE_SRCS)))
$(eval $(call unittest,test_tracegen,tests/test_tracegen.c $(GEN_SRCS) \
	$(TRACE_SRCS) lib/crc32c.c))
$(eval $(call unittest,test_replay,tests/test_replay.c replay/options.c \
	$(FAKE) $(LIB_SRCS) $(TRACE_SRCS) $(CLIENT_SRCS) $(GEN_SRCS)))
$(eval $(call tsantest,test_reattach_tsan,tests/test_reattach.c $(FAKE) $(LIB_SRCS)))
$(eval $(call unittest,test_media,tests/test_media.c $(MEDIA_IMAGE_SRCS),$(MEDIA_LIBS)))

# What a peer sends, as the module checks it
WIRE_SRCS := tests/wire_kernel.c tests/wire_walk.c lib/crc32c.c
# wire.h is found as in the module; its types as in the tools.
$(addprefix $(O)/,san/tests/wire_kernel.o san/tests/wire_walk.o san/tests/test_wire.o): CFLAGS += -I$(TOP)/../kmod
$(eval $(call unittest,test_wire,tests/test_wire.c $(WIRE_SRCS)))

# ...and files of such capsules, for the fuzzer and for the dissector
$(O)/bin/wire_capsules: $(call objs,obj,tests/wire_capsules.c tests/wire_kernel.c) $(O)/lib/libkvmem.a
	@mkdir -p $(@D)
	$(CC) $(KV_CFLAGS) $(LDFLAGS) -o $@ $^
$(addprefix $(O)/obj/tests/,wire_kernel.o wire_capsules.o): CFLAGS += -I$(TOP)/../kmod
