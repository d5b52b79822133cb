-- SPDX-License-Identifier: GPL-2.0
-- Wireshark: capsules between kvmem nodes (docs/wire.md), in SENDs of InfiniBand and RoCE.
--
--   tshark -X lua_script:scripts/kvmem.lua -r FILE -Y kvmem          or copy it to ~/.local/lib/wireshark/plugins
--
-- A capsule that a small MTU has cut is shown as far as its first packet goes.

local kvmem = Proto("kvmem", "kvmem capsule")

local MAGIC, HEADER, HELLO, REQUEST, OP, SEG, KEY, RESULT = 0x574d564b, 32, 152, 104, 56, 16, 32, 40

local types = {
	[1] = "HELLO", [2] = "CHALLENGE", [3] = "PROOF", [4] = "READY", [5] = "BYE", [6] = "PING", [7] = "PONG",
	[16] = "GET", [17] = "PUT", [18] = "DELETE", [19] = "EXISTS", [32] = "RESULT",
}

local statuses = {
	[0] = "done", [1] = "not there", [2] = "too long", [3] = "was there", [4] = "no space", [5] = "quota",
	[6] = "denied", [7] = "corrupt", [8] = "invalid", [9] = "failed", [10] = "too late", [11] = "going down",
}

local reasons = {
	[0] = "leaving", [1] = "version", [2] = "another cluster", [3] = "another secret", [4] = "unknown node",
	[5] = "malformed capsule", [6] = "more requests than credits", [7] = "no sign of life",
}

local f = {
	magic = ProtoField.uint32("kvmem.magic", "Magic", base.HEX),
	version = ProtoField.uint8("kvmem.version", "Version"),
	type = ProtoField.uint8("kvmem.type", "Type", base.DEC, types),
	nr = ProtoField.uint16("kvmem.nr", "Entries"),
	len = ProtoField.uint32("kvmem.len", "Length"),
	id = ProtoField.uint32("kvmem.id", "Id", base.HEX),
	credits = ProtoField.uint16("kvmem.credits", "Credits"),
	crc = ProtoField.uint32("kvmem.crc", "Checksum", base.HEX),
	reserved = ProtoField.bytes("kvmem.reserved", "Reserved"),

	features = ProtoField.uint64("kvmem.hello.features", "Features", base.HEX),
	node = ProtoField.uint16("kvmem.hello.node", "Node"),
	version_min = ProtoField.uint16("kvmem.hello.version_min", "Oldest version"),
	version_max = ProtoField.uint16("kvmem.hello.version_max", "Newest version"),
	keepalive = ProtoField.uint32("kvmem.hello.keepalive_ms", "Keepalive (ms)"),
	cluster = ProtoField.stringz("kvmem.hello.cluster", "Cluster"),
	nonce = ProtoField.bytes("kvmem.hello.nonce", "Nonce"),
	proof = ProtoField.bytes("kvmem.proof", "Proof"),
	reason = ProtoField.uint32("kvmem.bye.reason", "Reason", base.DEC, reasons),

	ns = ProtoField.stringz("kvmem.request.name", "Namespace"),
	fingerprint = ProtoField.bytes("kvmem.request.fingerprint", "Fingerprint"),
	timeout = ProtoField.uint32("kvmem.request.timeout_ms", "Timeout (ms)"),

	key = ProtoField.bytes("kvmem.key", "Key"),
	op_len = ProtoField.uint32("kvmem.op.len", "Bytes"),
	op_crc = ProtoField.uint32("kvmem.op.crc", "Block's checksum", base.HEX),
	op_segs = ProtoField.uint16("kvmem.op.segs", "Runs"),
	op_class = ProtoField.uint8("kvmem.op.hint_class", "Class"),
	op_priority = ProtoField.uint8("kvmem.op.priority", "Priority"),
	op_ttl = ProtoField.uint32("kvmem.op.ttl_ms", "Lifetime (ms)"),
	op_cost = ProtoField.uint32("kvmem.op.cost", "Cost"),

	seg_addr = ProtoField.uint64("kvmem.seg.addr", "Address", base.HEX),
	seg_rkey = ProtoField.uint32("kvmem.seg.rkey", "Remote key", base.HEX),
	seg_len = ProtoField.uint32("kvmem.seg.len", "Bytes"),

	status = ProtoField.uint32("kvmem.result.status", "Status", base.DEC, statuses),
	size = ProtoField.uint32("kvmem.result.size", "Size"),
	res_crc = ProtoField.uint32("kvmem.result.crc", "Block's checksum", base.HEX),
	res_cost = ProtoField.uint32("kvmem.result.cost", "Cost"),
	res_ttl = ProtoField.uint32("kvmem.result.ttl_ms", "Lifetime (ms)"),
	res_class = ProtoField.uint8("kvmem.result.hint_class", "Class"),
	res_priority = ProtoField.uint8("kvmem.result.priority", "Priority"),
	found = ProtoField.uint64("kvmem.result.found", "Found", base.HEX),
}
kvmem.fields = f

local e = {
	crc = ProtoExpert.new("kvmem.bad_crc", "Wrong checksum", expert.group.CHECKSUM, expert.severity.ERROR),
	len = ProtoExpert.new("kvmem.bad_len", "Length is not what came", expert.group.MALFORMED, expert.severity.ERROR),
	reserved = ProtoExpert.new("kvmem.bad_reserved", "Reserved, and not 0", expert.group.PROTOCOL,
				   expert.severity.WARN),
	type = ProtoExpert.new("kvmem.bad_type", "Unknown type or version", expert.group.UNDECODED,
			       expert.severity.WARN),
	cut = ProtoExpert.new("kvmem.cut", "More entries than bytes", expert.group.MALFORMED, expert.severity.WARN),
}
kvmem.experts = e

-- crc32c, the field itself as 0 ----------------------------------------------------------

local crc_table

local function make_table()
	crc_table = {}
	for i = 0, 255 do
		local c = i
		for _ = 1, 8 do
			c = bit.bxor(bit.rshift(c, 1), bit.band(c, 1) == 1 and 0x82f63b78 or 0)
		end
		crc_table[i] = c
	end
end

local function checksum(tvb, len)
	local bytes, c = tvb(0, len):bytes(), 0xffffffff
	if not crc_table then make_table() end
	for i = 0, len - 1 do
		local b = (i >= 20 and i < 24) and 0 or bytes:get_index(i)
		c = bit.bxor(bit.rshift(c, 8), crc_table[bit.band(bit.bxor(c, b), 0xff)])
	end
	return bit.bnot(c) % 4294967296
end

-- Entries: each takes where it begins, and says where it ends ------------------------------

local function reserved(tree, tvb, at, len)
	local item = tree:add(f.reserved, tvb(at, len))
	for i = at, at + len - 1 do
		if tvb(i, 1):uint() ~= 0 then
			item:add_proto_expert_info(e.reserved)
			return
		end
	end
end

local function hello(tvb, tree)
	local at = HEADER
	local t = tree:add(kvmem, tvb(at, HELLO), "Hello of node " .. tvb(at + 8, 2):le_uint())
	t:add_le(f.features, tvb(at, 8))
	t:add_le(f.node, tvb(at + 8, 2))
	t:add_le(f.version_min, tvb(at + 10, 2))
	t:add_le(f.version_max, tvb(at + 12, 2))
	reserved(t, tvb, at + 14, 2)
	t:add_le(f.keepalive, tvb(at + 16, 4))
	reserved(t, tvb, at + 20, 4)
	t:add(f.cluster, tvb(at + 24, 64))
	t:add(f.nonce, tvb(at + 88, 32))
	t:add(f.proof, tvb(at + 120, 32))
end

local function request(tvb, tree)
	local at = HEADER
	local t = tree:add(kvmem, tvb(at, REQUEST), "Request to " .. tvb(at, 64):stringz())
	t:add(f.ns, tvb(at, 64))
	t:add(f.fingerprint, tvb(at + 64, 32))
	t:add_le(f.timeout, tvb(at + 96, 4))
	reserved(t, tvb, at + 100, 4)
end

local function op(tvb, tree, at, i)
	local t = tree:add(kvmem, tvb(at, OP), "Op " .. i)
	t:add(f.key, tvb(at, KEY))
	t:add_le(f.op_len, tvb(at + 32, 4))
	t:add_le(f.op_crc, tvb(at + 36, 4))
	t:add_le(f.op_segs, tvb(at + 40, 2))
	t:add(f.op_class, tvb(at + 42, 1))
	t:add(f.op_priority, tvb(at + 43, 1))
	t:add_le(f.op_ttl, tvb(at + 44, 4))
	t:add_le(f.op_cost, tvb(at + 48, 4))
	reserved(t, tvb, at + 52, 4)
end

local function seg(tvb, tree, at, i)
	local t = tree:add(kvmem, tvb(at, SEG), "Run " .. i)
	t:add_le(f.seg_addr, tvb(at, 8))
	t:add_le(f.seg_rkey, tvb(at + 8, 4))
	t:add_le(f.seg_len, tvb(at + 12, 4))
end

local function key(tvb, tree, at)
	tree:add(f.key, tvb(at, KEY))
end

local function result(tvb, tree, at, i)
	local status = tvb(at, 4):le_uint()
	local t = tree:add(kvmem, tvb(at, RESULT), "Result " .. i .. ": " .. (statuses[status] or "unknown"))
	t:add_le(f.status, tvb(at, 4))
	t:add_le(f.size, tvb(at + 4, 4))
	t:add_le(f.res_crc, tvb(at + 8, 4))
	t:add_le(f.res_cost, tvb(at + 12, 4))
	t:add_le(f.res_ttl, tvb(at + 16, 4))
	t:add(f.res_class, tvb(at + 20, 1))
	t:add(f.res_priority, tvb(at + 21, 1))
	reserved(t, tvb, at + 22, 2)
	reserved(t, tvb, at + 24, 8)
	t:add_le(f.found, tvb(at + 32, 8))
end

-- @nr of @size bytes, as many as are there.  Where they end.
local function entries(tvb, tree, at, nr, size, show)
	for i = 0, nr - 1 do
		if at + size > tvb:len() then
			tree:add_proto_expert_info(e.cut)
			break
		end
		show(tvb, tree, at, i)
		at = at + size
	end
	return at
end

local function requests(tvb, tree, type, nr)
	request(tvb, tree)
	if type == 19 then
		entries(tvb, tree, HEADER + REQUEST, nr, KEY, key)
		return
	end
	local at = entries(tvb, tree, HEADER + REQUEST, nr, OP, op)
	entries(tvb, tree, at, math.floor((tvb:len() - at) / SEG), SEG, seg)
end

-- Bytes that must be there for what has no number of its own
local least = { [1] = HELLO, [2] = HELLO, [3] = 32, [5] = 8, [16] = REQUEST, [17] = REQUEST, [18] = REQUEST,
		[19] = REQUEST }

local function body(tvb, tree, type, nr)
	if tvb:len() < HEADER + (least[type] or 0) then
		tree:add_proto_expert_info(e.cut)
	elseif type == 1 or type == 2 then
		hello(tvb, tree)
	elseif type == 3 then
		tree:add(f.proof, tvb(HEADER, 32))
	elseif type == 5 then
		tree:add_le(f.reason, tvb(HEADER, 4))
		reserved(tree, tvb, HEADER + 4, 4)
	elseif type >= 16 and type <= 19 then
		requests(tvb, tree, type, nr)
	elseif type == 32 then
		entries(tvb, tree, HEADER, nr, RESULT, result)
	end
end

local function header(tvb, tree)
	local t = tree:add(kvmem, tvb(0, HEADER), "Header")
	t:add_le(f.magic, tvb(0, 4))
	t:add(f.version, tvb(4, 1))
	t:add(f.type, tvb(5, 1))
	t:add_le(f.nr, tvb(6, 2))
	local len = t:add_le(f.len, tvb(8, 4))
	if tvb(8, 4):le_uint() ~= tvb:len() then len:add_proto_expert_info(e.len) end
	t:add_le(f.id, tvb(12, 4))
	t:add_le(f.credits, tvb(16, 2))
	reserved(t, tvb, 18, 2)
	local crc = t:add_le(f.crc, tvb(20, 4))
	if tvb(8, 4):le_uint() == tvb:len() and checksum(tvb, tvb:len()) ~= tvb(20, 4):le_uint() then
		crc:add_proto_expert_info(e.crc)
	end
	reserved(t, tvb, 24, 8)
end

local function info(tvb, type, nr)
	local text = string.format("%s id 0x%x", types[type] or "type " .. type, tvb(12, 4):le_uint())
	if type >= 16 then text = text .. ", " .. nr .. (nr == 1 and " entry" or " entries") end
	if tvb(16, 2):le_uint() > 0 then text = text .. ", credits " .. tvb(16, 2):le_uint() end
	return text
end

function kvmem.dissector(tvb, pinfo, root)
	local type, nr = tvb(5, 1):uint(), tvb(6, 2):le_uint()
	local tree = root:add(kvmem, tvb(), "kvmem " .. (types[type] or "capsule"))
	pinfo.cols.protocol = "kvmem"
	pinfo.cols.info = info(tvb, type, nr)
	header(tvb, tree)
	if tvb(4, 1):uint() ~= 1 or not types[type] then
		tree:add_proto_expert_info(e.type)
	else
		body(tvb, tree, type, nr)
	end
	return tvb:len()
end

local function heuristic(tvb, pinfo, root)
	if tvb:len() < HEADER or tvb(0, 4):le_uint() ~= MAGIC then return false end
	kvmem.dissector(tvb, pinfo, root)
	return true
end

kvmem:register_heuristic("infiniband.payload", heuristic)
