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
