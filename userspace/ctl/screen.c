// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "ctl/screen.h"

/* The other screen, no cursor, lines are cut; and back */
#define ENTER	"\033[?1049h\033[?25l\033[?7l"
#define LEAVE	"\033[?7h\033[?25h\033[?1049l"
#define HOME	"\033[H"
#define NEXT	"\033[K\n"
#define REST	"\033[K\033[J"

/**
 * struct screen - there is one
 * @open: it is ours
 * @keys: standard input is a terminal, too
 * @signals: told of signals, which are blocked
 * @fatal: the signal that ended it, 0 = none
 * @saved: modes of the terminal before
 * @mask: of signals, before
 */
static struct screen {
	bool open, keys;
	int signals, fatal;
	struct termios saved;
	sigset_t mask;
} screen;

bool screen_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb");
}

static int flush(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	return errno ? -errno : -EIO;
}

static void set_keys(void)
{
	struct termios modes;

	screen.keys = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &screen.saved);
	if (!screen.keys)
		return;
	modes = screen.saved;
	modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	modes.c_cc[VMIN] = 0;
	modes.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
}

static int catch_signals(void)
{
	static const int caught[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH, SIGPIPE
	};
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(caught) / sizeof(*caught); i++)
		sigaddset(&set, caught[i]);
	screen.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (screen.signals < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, &screen.mask);
	return 0;
}

int screen_open(void)
{
	static bool registered;
	int err = catch_signals();

	if (err)
		return err;
	/* Whoever exits, and wherever */
	if (!registered)
		registered = !atexit(screen_close);
	screen.open = true;
	set_keys();
	fputs(ENTER, stdout);
	return flush();
}

void screen_close(void)
{
	if (!screen.open)
		return;
	screen.open = false;
	fputs(LEAVE, stdout);
	flush();
	if (screen.keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &screen.saved);
	close(screen.signals);
	sigprocmask(SIG_SETMASK, &screen.mask, NULL);
}

void screen_die(void)
{
	if (screen.fatal)
		raise(screen.fatal);
}

int screen_draw(const char *text)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 }, w;
	int row, len;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_row && w.ws_col)
		size = w;
	fputs(HOME, stdout);
	for (row = 0; *text && row < size.ws_row; row++) {
		len = (int)strcspn(text, "\n");
		/* A last line feed would scroll. */
		printf("%s%.*s", row ? NEXT : "", len < size.ws_col ? len : size.ws_col,
		       text);
		text += len + (text[len] == '\n');
	}
	fputs(REST, stdout);
	return flush();
}

/* --- what happens --- */

/* As it was, until somebody continues us */
static enum screen_event stop(void)
{
	screen_close();
	raise(SIGSTOP);
	return screen_open() ? SCREEN_END : SCREEN_CHANGED;
}

static enum screen_event on_signal(void)
{
	struct signalfd_siginfo info;

	if (read(screen.signals, &info, sizeof(info)) != sizeof(info))
		return SCREEN_CHANGED;
	switch (info.ssi_signo) {
	case SIGWINCH:
		return SCREEN_CHANGED;
	case SIGTSTP:
		return stop();
	case SIGINT:
		return SCREEN_END;
	default:
		screen.fatal = (int)info.ssi_signo;
		return SCREEN_END;
	}
}

static enum screen_event on_key(char *key)
{
	ssize_t n = read(STDIN_FILENO, key, 1);

	if (n == 1)
		return SCREEN_KEY;
	return n < 0 && (errno == EINTR || errno == EAGAIN) ? SCREEN_CHANGED : SCREEN_END;
}

enum screen_event screen_wait(int timeout_ms, char *key)
{
	struct pollfd fds[2] = {
		{ .fd = screen.signals, .events = POLLIN },
		{ .fd = screen.keys ? STDIN_FILENO : -1, .events = POLLIN },
	};
	int n = poll(fds, 2, timeout_ms);

	if (n < 0)
		return errno == EINTR ? SCREEN_CHANGED : SCREEN_END;
	if (!n)
		return SCREEN_TIME;
	if (fds[0].revents)
		return on_signal();
	return on_key(key);
}
