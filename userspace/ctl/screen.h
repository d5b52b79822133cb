/* SPDX-License-Identifier: GPL-2.0 */
/* A terminal that is drawn over and over; it is given back in any event. */
#ifndef _KVMEMCTL_SCREEN_H
#define _KVMEMCTL_SCREEN_H

#include <stdbool.h>

enum screen_event {
	SCREEN_TIME,		/* the time is over */
	SCREEN_KEY,
	SCREEN_CHANGED,		/* its size, or it was somebody else's: draw again */
	SCREEN_END,		/* it is gone, or a signal says so */
};

/* Standard output is a terminal that understands the sequences of a VT100. */
bool screen_possible(void);
/* 0 or a negative errno */
int screen_open(void);
void screen_close(void);
/* As much of @text as fits; 0 or a negative errno */
int screen_draw(const char *text);
/* Wait for @timeout_ms at most; *@key is what was typed. */
enum screen_event screen_wait(int timeout_ms, char *key);
/* After screen_close(): die of the signal that ended it, if that is what it did. */
void screen_die(void);

#endif /* _KVMEMCTL_SCREEN_H */
