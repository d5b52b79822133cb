# SPDX-License-Identifier: GPL-2.0
FAKE := $(addprefix tests/,fake_kvmem.c fake_knobs.c fake_ops.c fake_store.c)

$(eval $(call unittest,test_lib,tests/test_lib.c $(FAKE) $(LIB_SRCS)))
$(eval $(call unittest,test_reattach,tests/test_reattach.c $(FAKE) $(LIB_SRCS)))
$(eval $(call unittest,test_threads,tests/test_threads.c $(FAKE) $(LIB_SRCS)))
$(eval $(call tsantest,test_threads_tsan,tests/test_threads.c $(FAKE) $(LIB_SRCS)))
