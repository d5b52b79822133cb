# SPDX-License-Identifier: GPL-2.0
# The policies, docs/policy.md; programs that link them need -lm.
POLICY_SRCS := $(addprefix daemon/,policy.c policy_table.c policy_adaptive.c \
	policy_guard.c mrc.c mrc_tier.c)

$(eval $(call unittest,test_policy,tests/test_policy.c $(POLICY_SRCS),-lm))
$(eval $(call unittest,test_policy_fuzz,tests/test_policy_fuzz.c $(POLICY_SRCS),-lm))
$(eval $(call unittest,test_mrc,tests/test_mrc.c $(POLICY_SRCS),-lm))
