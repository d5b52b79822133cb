# SPDX-License-Identifier: GPL-2.0
# Placement, for kvmemd and kvmemctl; programs that link them need -lm.
RING_SRCS := $(addprefix ring/,quota.c ring.c ring_stats.c score.c)

$(eval $(call unittest,test_ring,tests/test_ring.c $(RING_SRCS),-lm))
