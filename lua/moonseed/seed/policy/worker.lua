--- What runs in a policy's own thread: a Lua state that knows nothing of the
--- training, reads requests from a socket, answers each, and waits.
--
-- It remembers nothing between requests but the compiled file: a request
-- brings the policy's memory { version, state, rng }, a reply the new one. So
-- a call that fails leaves no trace, and a fresh thread can take over.
-- Uses nothing of moonseed that needs its library.

local ffi = require "ffi"
local uv = require "luv"
local codec = require "moonseed.seed.policy.codec"
local contract = require "moonseed.seed.policy.contract"
local limit = require "moonseed.seed.policy.limit"
local sandbox = require "moonseed.seed.policy.sandbox"

local M = {}

local policy, config  -- of the file that was loaded
local words = {}      -- its random numbers' state; the sandbox draws from it
local limit_ms

local function set_words(from)
  for i = 1, 4 do words[i] = from[i] end
end

local function load_policy(request)
  config = request.config
  local env = sandbox.globals(request.path, words)
  local chunk, why = sandbox.compile(request.source, request.path, env)
  if not chunk then error(why, 0) end
  policy = contract.policy(chunk())
  return { name = policy.name, version = policy.version,
           can_migrate = policy.migrate ~= nil }
end

local function fresh_state()
  if not policy.init then return {} end
  return contract.state(policy.init(config), "init")
end

local function memory_of(state)
  return { version = policy.version, rng = { unpack(words) },
           state = codec.encode(state, "the policy's state") }
end

local function init(request)
  set_words(request.rng)
  return { memory = memory_of(fresh_state()) }
end

local function migrated(memory)
  local state = codec.decode(memory.state)
  if memory.version == policy.version then return state end
  if not policy.migrate then
    error(("the state is of version %d, this policy has version %d and no "
           .. "migrate"):format(memory.version, policy.version), 0)
  end
  return contract.state(policy.migrate(state, memory.version), "migrate")
end

local stage  -- how far a request came: "migrate", "decide"

local function decide_on(state, view_text)
  local actions, new_state = policy.decide(state, codec.decode(view_text))
  actions = contract.actions(actions, codec.decode(view_text))
  if new_state ~= nil then state = contract.state(new_state, "decide") end
  return { actions = codec.encode(actions), memory = memory_of(state) }
end

local function decide(request)
  stage = "migrate"
  set_words(request.memory.rng)
  local state = migrated(request.memory)
  stage = "decide"
  return decide_on(state, request.view)
end

-- A policy that is to take over decides about the last view once on a fresh
-- state and once on what the one before it remembers. Before there is a view,
-- it only makes both.
local function rehearse(request)
  set_words(request.memory.rng)
  local fresh = fresh_state()
  if request.view then
    decide_on(fresh, request.view)
    return decide(request)
  end
  return { memory = memory_of(migrated(request.memory)) }
end

local handlers = { load = load_policy, init = init, decide = decide,
                   rehearse = rehearse }

local function plain_text(e)
  if type(e) == "string" then return e end
  return ("an error that is a %s"):format(type(e))
end

local function answer(request)
  stage = request.what
  local ok, reply, ended = limit.call(limit_ms, handlers[request.what],
                                      request)
  collectgarbage()  -- an overdue one may have left much
  if ok then
    reply.ok = true
    return reply
  end
  return { ok = false, why = plain_text(reply), stage = stage,
           overdue = ended }
end

-- --- the socket ----------------------------------------------------------

ffi.cdef "ssize_t send(int fd, const void *bytes, size_t n, int flags);"
local MSG_NOSIGNAL, EINTR = 0x4000, 4  -- Linux

-- The thread must not end by itself: luv frees its record with the Lua state
-- that made it, which is not waiting for it.
local function rest_for_ever()
  while true do uv.sleep(2 ^ 30) end
end

local function read_bytes(fd, n)
  local parts, left = {}, n
  while left > 0 do
    local bytes, why = uv.fs_read(fd, left)
    if bytes and bytes ~= "" then
      parts[#parts + 1] = bytes
      left = left - #bytes
    elseif not tostring(why):find "^EINTR" then
      rest_for_ever()
    end
  end
  return table.concat(parts)
end

-- Not luv's write: after an abandoned host has closed its end, that would be
-- answered with SIGPIPE, which ends the process.
local function write_bytes(fd, bytes)
  while bytes ~= "" do
    local n = tonumber(ffi.C.send(fd, bytes, #bytes, MSG_NOSIGNAL))
    if n > 0 then
      bytes = bytes:sub(n + 1)
    elseif ffi.errno() ~= EINTR then
      rest_for_ever()
    end
  end
end

-- A process that ends closes the first Lua state and its libraries while this
-- thread may still be inside one: it holds luv's itself.
local function hold_luv()
  local path = package.searchpath("luv", package.cpath)
  if path then package.loadlib(path, "*") end
end

--- Serves requests until told to stop. A message is its length, eight hex
--- digits, and an encoded table.
---@param fd integer     the worker's end of the socket
---@param most_ms number for each request
function M.serve(fd, most_ms)
  jit.off()  -- for this Lua state
  hold_luv()
  limit_ms = most_ms
  while true do
    local length = tonumber(read_bytes(fd, 8), 16)
    local request = codec.decode(read_bytes(fd, length))
    if request.what == "stop" then break end
    local text = codec.encode(answer(request))
    write_bytes(fd, ("%08x"):format(#text) .. text)
  end
  uv.fs_close(fd)
end

return M
