# SPDX-License-Identifier: GPL-2.0
TRACE_SRCS := $(addprefix replay/,lru.c trace.c trace_line.c trace_stats.c)
CLIENT_SRCS := $(addprefix replay/,client.c content.c hist.c lease_mode.c \
	transfer.c turns.c)
REPLAY_SRCS := $(TRACE_SRCS) $(CLIENT_SRCS) $(addprefix replay/,main.c \
	curve.c options.c progress.c report.c run.c)

$(eval $(call program,kvmem-replay,$(REPLAY_SRCS) $(COMMON_SRCS),-ljansson))
MANPAGES += man/kvmem-replay.1
