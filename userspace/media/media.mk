# SPDX-License-Identifier: GPL-2.0
# Media offline: made, checked, read.  Programs that link them need $(MEDIA_LIBS).
MEDIA_SRCS := $(addprefix media/,check.c check_blocks.c check_data.c check_super.c \
	check_table.c file.c format.c load.c make.c probe.c table.c)
MEDIA_LIBS := -lblkid
MEDIA_IMAGE_SRCS := tests/media_image.c $(MEDIA_SRCS) lib/crc32c.c
