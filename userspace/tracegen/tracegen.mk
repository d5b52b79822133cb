# SPDX-License-Identifier: GPL-2.0
GEN_SRCS := $(addprefix tracegen/,gen.c model.c rng.c)

$(eval $(call program,kvmem-tracegen,$(GEN_SRCS) tracegen/main.c,))
MANPAGES += man/kvmem-tracegen.1
