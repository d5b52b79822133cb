// SPDX-License-Identifier: GPL-2.0
/* kvmemctl: control of kvmem from the command line. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/table.h"
#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/media.h"
#include "ctl/nl.h"
#include "ctl/out.h"

#define NS_OPTIONS \
	"[--uid USER] [--gid GROUP] [--mode 0660] [--quota-bytes 10G] " \
	"[--quota-blocks N] [--fingerprint HEX] [--ttl 30s] [--pin-percent P] " \
	"[--flash-mode off|through|back] [--flash-quota 10G] " \
	"[--require-verified yes|no] [--allow-bounce yes|no] " \
	"[--placement local|owner|both] [--copies N] [--peer-share yes|no] [--peer-keep yes|no]"
#define POOL_OPTIONS "[--quota-bytes 10G] [--quota-blocks N] [--share yes|no]"

const struct command ctl_commands[] = {
	{ "status", "[--socket PATH]", "version, state and arena of the module; is kvmemd there",
	  status_specs, 0, 0, cmd_status },
	{ "arena set", "[--bytes 16G] [--floor 1G]", "resize the DRAM arena",
	  arena_specs, 0, 0, cmd_arena_set },
	{ "ns create", "NAME " NS_OPTIONS " [--pool POOL]", "make a namespace",
	  ns_create_specs, 1, 1, cmd_ns_create },
	{ "ns set", "NS " NS_OPTIONS, "change a namespace",
	  ns_set_specs, 1, 1, cmd_ns_set },
	{ "ns delete", "NS", "delete a namespace with all of its blocks",
	  NULL, 1, 1, cmd_ns_delete },
	{ "ns list", "", "all namespaces",
	  NULL, 0, 0, cmd_ns_list },
	{ "ns show", "NS", "one namespace in full",
	  NULL, 1, 1, cmd_ns_show },
	{ "pool create", "NAME " POOL_OPTIONS, "make a pool, a quota that namespaces share",
	  pool_specs, 1, 1, cmd_pool_create },
	{ "pool set", "POOL " POOL_OPTIONS, "change a pool",
	  pool_specs, 1, 1, cmd_pool_set },
	{ "pool delete", "POOL", "delete a pool that has no namespaces",
	  NULL, 1, 1, cmd_pool_delete },
	{ "pool list", "", "all pools",
	  NULL, 0, 0, cmd_pool_list },
	{ "pool show", "POOL", "one pool in full",
	  NULL, 1, 1, cmd_pool_show },
	{ "media list", "", "all attached media",
	  NULL, 0, 0, cmd_media_list },
	{ "media show", "MEDIA", "one media in full",
	  NULL, 1, 1, cmd_media_show },
	{ "media attach", "PATH [--name NAME] [--uuid UUID] [--wait]", "attach a media",
	  media_attach_specs, 1, 1, cmd_media_attach },
	{ "media detach", "MEDIA", "let a media go; its blocks stay on it",
	  NULL, 1, 1, cmd_media_detach },
	{ "media set", "MEDIA --write-budget 2T", "change what may be written to a media a day",
	  media_set_specs, 1, 1, cmd_media_set },
	{ "media segments", "MEDIA", "the segments of a media",
	  NULL, 1, 1, cmd_media_segments },
	{ "media directory", "MEDIA", "the namespaces that have something on a media",
	  NULL, 1, 1, cmd_media_directory },
	{ "media forget-ns", "MEDIA NS", "give up what a namespace that is not there has on a media",
	  NULL, 2, 2, cmd_media_forget_ns },
	{ "media format", "PATH [--label LABEL] [--segment-size 64M] [--uuid UUID] [--force] "
	  "[--no-discard]", "make a media of a device or file, which loses what is on it",
	  media_format_specs, 1, 1, cmd_media_format },
	{ "media check", "PATH [--data] [--force]", "check a media that is not attached",
	  media_check_specs, 1, 1, cmd_media_check },
	{ "media dump", "PATH [--segment N [--keys]]", "print what is on a media",
	  media_dump_specs, 1, 1, cmd_media_dump },
	{ "nvme list", "", "the NVMe controllers, and whose they are",
	  NULL, 0, 0, cmd_nvme_list },
	{ "nvme take", "ADDRESS [--force]", "drive a controller ourselves, so that its namespaces can "
	  "be attached", nvme_take_specs, 1, 1, cmd_nvme_take },
	{ "nvme release", "ADDRESS [--force]", "give a controller back to the kernel's driver",
	  nvme_release_specs, 1, 1, cmd_nvme_release },
	{ "peer list", "", "the other nodes of the cluster",
	  NULL, 0, 0, cmd_peer_list },
	{ "peer show", "NODE", "one node in full",
	  NULL, 1, 1, cmd_peer_show },
	{ "peer add", "NODE --name NAME --addresses ADDRESS:PORT,...", "add a node, where no kvmemd does",
	  peer_add_specs, 1, 1, cmd_peer_add },
	{ "peer delete", "NODE", "forget a node, where no kvmemd adds it again",
	  NULL, 1, 1, cmd_peer_delete },
	{ "peer drain", "NODE [--socket PATH]", "let a node own nothing; what it has moves to others",
	  peer_drain_specs, 1, 1, cmd_peer_drain },
	{ "peer undrain", "NODE [--socket PATH]", "let it own its share again",
	  peer_drain_specs, 1, 1, cmd_peer_undrain },
	{ "ring show", "", "the placement map: its epoch, and how many slots each node has",
	  NULL, 0, 0, cmd_ring_show },
	{ "ring owners", "KEY", "the owners of a key, 64 hex digits, or of a slot, a number",
	  NULL, 1, 1, cmd_ring_owners },
	{ "ring simulate", "[--nodes N] [--domains N] [--weighted]",
	  "balance and movement that placement would have, without a cluster",
	  ring_simulate_specs, 0, 0, cmd_ring_simulate },
	{ "stats", "[NS] [--watch [SECONDS] [--count N]]",
	  "counters of namespaces and times of operations",
	  stats_specs, 0, 1, cmd_stats },
	{ "top", "[--interval SECONDS] [--count N | --once] [--sort KEY] [--socket PATH]",
	  "what namespaces do, live",
	  top_specs, 0, 0, cmd_top },
	{ "advise", "[NS] [--gib N] [--interval SECONDS] [--prefill-tokens-per-second X] "
	  "[--bytes-per-token N] [--gpu-cost-per-hour X] [--endurance SIZE] [--socket PATH]",
	  "what more memory would give, and whether keeping blocks pays",
	  advise_specs, 0, 1, cmd_advise },
	{ "policy show", "NS", "value table and histograms of a namespace",
	  NULL, 1, 1, cmd_policy_show },
	{ "policy set", "NS [--lfu | --file FILE | [--lru] [--class C --values V,...]...] "
	  "[--order use|arrival] [--sample-one-in N]",
	  "change the value table of a namespace, the order of its blocks, and sampling",
	  policy_set_specs, 1, 1, cmd_policy_set },
	{ "policy hist", "NS [--class C]", "histograms of a namespace",
	  policy_hist_specs, 1, 1, cmd_policy_hist },
	{ "quiesce", "[--wait SECONDS]", "refuse new work, so that the module can be unloaded",
	  quiesce_specs, 0, 0, cmd_quiesce },
	{ "resume", "", "accept work again",
	  NULL, 0, 0, cmd_resume },
	{ "events", "[--count N] [--timeout SECONDS]", "print events as they happen",
	  events_specs, 0, 0, cmd_events },
	{ 0 }
};

static void print_usage(FILE *to)
{
	const struct command *cmd;
	struct table *t = table_new("lll");

	fputs("usage: kvmemctl [--json] COMMAND [ARGUMENT]...\n"
	      "       kvmemctl [--help | --version]\n\n", to);
	for (cmd = ctl_commands; cmd->name; cmd++)
		table_row(t, "", cmd->name, cmd->help, (char *)NULL);
	table_print(t, to);
	table_free(t);
	fputs("\n\"kvmemctl COMMAND --help\" tells a command's arguments.  NS, POOL and MEDIA are\n"
	      "names or ids.  All commands take --json.  See kvmemctl(8).\n", to);
}

static int print_help(const struct command *cmd)
{
	printf("usage: kvmemctl [--json] %s%s%s\n\n%s\n", cmd->name,
	       *cmd->usage ? " " : "", cmd->usage, cmd->help);
	return out_flush();
}

/* The command that the words at @argv name; *@words is how many. */
static const struct command *find(int argc, char **argv, int *words)
{
	const struct command *cmd;
	size_t n;

	for (cmd = ctl_commands; cmd->name; cmd++) {
		n = strcspn(cmd->name, " ");
		*words = cmd->name[n] ? 2 : 1;
		if (argc < *words || strlen(argv[0]) != n || strncmp(cmd->name, argv[0], n))
			continue;
		if (*words == 1 || !strcmp(cmd->name + n + 1, argv[1]))
			return cmd;
	}
	return NULL;
}

static bool is_group(const char *word)
{
	const struct command *cmd;
	size_t n = strlen(word);

	for (cmd = ctl_commands; cmd->name; cmd++)
		if (!strncmp(cmd->name, word, n) && cmd->name[n] == ' ')
			return true;
	return false;
}

static int unknown(int argc, char **argv)
{
	if (!is_group(argv[0]))
		return ctl_usage("unknown command \"%s\"; see kvmemctl --help", argv[0]);
	if (argc < 2)
		return ctl_usage("\"%s\" what? See kvmemctl --help", argv[0]);
	return ctl_usage("unknown command \"%s %s\"; see kvmemctl --help", argv[0], argv[1]);
}

static int run(const struct command *cmd, bool json, int argc, char **argv)
{
	static struct args args;
	struct ctl_nl nl = { 0 };
	struct ctl c = { .command = cmd, .args = &args, .nl = &nl };
	int rc;

	ctl_error_prefix(cmd->name);
	rc = args_parse(&args, cmd->specs, cmd->max, argc, argv);
	if (rc)
		return rc;
	if (args.help)
		return print_help(cmd);
	if (args.nr_pos < cmd->min)
		return ctl_usage("an argument is missing: kvmemctl %s %s", cmd->name,
				 cmd->usage);
	c.json = json || args.json;
	rc = cmd->run(&c);
	ctl_nl_close(&nl);
	return rc ? rc : out_flush();
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 }
	};
	const struct command *cmd;
	bool json = false;
	int opt, words;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+hV", options, NULL)) != -1) {
		if (opt == 'j') {
			json = true;
		} else if (opt == 'h') {
			print_usage(stdout);
			return out_flush();
		} else if (opt == 'V') {
			puts("kvmemctl " KVMEM_VERSION);
			return out_flush();
		} else {
			return ctl_usage("unknown option %s; see kvmemctl --help",
					 argv[optind - 1]);
		}
	}
	argc -= optind;
	argv += optind;
	if (!argc) {
		print_usage(stderr);
		return CTL_USAGE;
	}
	cmd = find(argc, argv, &words);
	if (!cmd)
		return unknown(argc, argv);
	return run(cmd, json, argc - words + 1, argv + words - 1);
}
