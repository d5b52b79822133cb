# SPDX-License-Identifier: GPL-2.0
COMMON_SRCS := common/table.c common/json_out.c common/latency.c
