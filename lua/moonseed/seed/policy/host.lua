--- A policy's file, served beside the training: views go in, actions come out,
--- and the loop waits for neither.
--
-- The policy's memory (its state, its random numbers, the version that wrote
-- it) is kept here as strings and goes to the thread with each view. What a
-- failed or overdue call did is therefore as if it had not been, and memory
-- only moves on when an answer is taken: `state` between `ask` and `answer`
-- holds the question too, and after `restore` the same answer comes again.

local check = require "moonseed.check"
local loop = require "moonseed.loop"
local codec = require "moonseed.seed.policy.codec"
local random = require "moonseed.seed.policy.random"
local reload = require "moonseed.seed.policy.reload"
local Thread = require "moonseed.seed.policy.thread"
local watch = require "moonseed.watch"

local M = {}

local FORMAT = 1  -- of what `state` returns

---@class PolicyHost
---@field meta table        { name =, version =, can_migrate = } of the file
---@field memory table      after the last answer that was taken
---@field head table        after the last one there is
local Host = {}
Host.__index = Host

--- Tells on_event; what that raises is printed. For this folder.
---@param kind string
---@param why string|nil
function Host:emit(kind, why)
  self.on_event{ kind = kind, path = self.path, why = why,
                 version = self.meta and self.meta.version }
end

--- The request that loads a text. For this folder.
---@param source string
---@return table
function Host:load_request(source)
  return { what = "load", source = source, path = self.path,
           config = self.config }
end

local function wake(self)
  local waiters = self.waiters
  self.waiters = {}
  for _, waiter in ipairs(waiters) do
    if waiter.object == self then loop.wake(waiter) end
  end
end

-- Suspends until something has happened here.
local function wait(self)
  table.insert(self.waiters, loop.running)
  loop.wait("a policy", self)
end

-- --- asking --------------------------------------------------------------

local pump

local function settle(self, job, why)
  job.done, job.why = true, why
  for i, queued in ipairs(self.queue) do
    if queued == job then table.remove(self.queue, i) break end
  end
  wake(self)
end

local function settle_all(self, why)
  while self.queue[1] do settle(self, self.queue[1], why) end
end

-- A fresh thread for the text that serves.
local function renew(self)
  self.thread = Thread.start(self.limit_ms)
  self.thread:call(self:load_request(self.source), function(reply)
    if not reply.ok then
      self.thread:stop()
      self:emit("policy_failed", reply.why)
      settle_all(self, reply.why)
    end
    pump(self)
  end)
end

local function on_success(self, job, reply)
  self.head, self.previous = reply.memory, nil
  job.memory, job.actions = reply.memory, reply.actions
  settle(self, job)
end

local function on_failure(self, job, reply)
  if reply.stage == "migrate" and self.previous then
    return reload.revert(self, reply.why)  -- the job is asked again
  end
  self:emit(reply.overdue and "policy_overdue" or "policy_failed", reply.why)
  settle(self, job, reply.why)
end

local function on_decided(self, job, reply)
  if self.closed then return end
  -- Whatever an overdue call left half done goes with its Lua state.
  if reply.overdue then self.thread:stop() end
  if not job.done then  -- restore may have
    if reply.ok then
      on_success(self, job, reply)
    else
      on_failure(self, job, reply)
    end
  end
  pump(self)
end

-- Sends the next question if the thread is free.
pump = function(self)
  local job = self.queue[1]
  if self.closed or not job or self.thread.busy then return end
  if self.thread.gone then return renew(self) end
  local request = { what = "decide", memory = self.head, view = job.view }
  self.thread:call(request, function(reply) on_decided(self, job, reply) end)
end

local function check_open(self, op)
  if self.closed then check.fail("policy: " .. op, "the host is closed") end
end

local function plain(op, value, name)
  local ok, text = pcall(codec.encode, value, name)
  if not ok then check.fail("policy: " .. op, "%s", text) end
  return text
end

local function queue(self, id, view)
  local job = { id = id, view = view, done = false }
  self.jobs[id] = job
  table.insert(self.queue, job)
  self.last_view = view
end

--- Asks what to do about a view; returns at once.
---@param view table  plain: numbers, strings, booleans, tables of them
---@return integer id  for `answer`
function Host:ask(view)
  check_open(self, "ask")
  local text = plain("ask", check.table("policy: ask", "the view", view),
                     "the view")
  local id = self.next_id
  self.next_id = id + 1
  queue(self, id, text)
  pump(self)
  return id
end

local function job_of(self, op, id)
  check_open(self, op)
  local job = self.jobs[id]
  if not job then
    check.fail("policy: " .. op, "no question %s is open", tostring(id))
  end
  return job
end

--- Whether the answer is there.
---@param id integer
---@return boolean
function Host:is_ready(id)
  return job_of(self, "is_ready", id).done
end

--- Takes an answer; suspends the task until it is there. Earlier questions
--- that were not answered yet cannot be any more.
---@param id integer
---@return table[]|nil actions  nil when the policy failed
---@return string|nil why
function Host:answer(id)
  local job = job_of(self, "answer", id)
  while not job.done do wait(self) end
  for other in pairs(self.jobs) do
    if other <= id then self.jobs[other] = nil end
  end
  if not job.actions then return nil, job.why end
  self.memory = job.memory
  return codec.decode(job.actions)
end

--- A step boundary: a changed file that was tried takes over, if no question
--- is with the policy. A good place is between `answer` and the next `ask`.
function Host:boundary()
  check_open(self, "boundary")
  local candidate = self.candidate
  if not candidate or not candidate.ready or #self.queue > 0 then return end
  if self.thread.busy then return end
  reload.take_over(self)
end

-- --- state ---------------------------------------------------------------

--- All that the policy remembers, with the questions that are open.
---@return string
function Host:state()
  check_open(self, "state")
  local open = {}
  for id, job in pairs(self.jobs) do
    open[#open + 1] = { id = id, view = job.view }
  end
  table.sort(open, function(a, b) return a.id < b.id end)
  return codec.encode{ format = FORMAT, name = self.meta.name,
                       memory = self.memory, next_id = self.next_id,
                       open = open }
end

local function check_state(self, text)
  check.text("policy: restore", "the state", text)
  local ok, saved = pcall(codec.decode, text)
  if not ok or type(saved) ~= "table" or saved.format ~= FORMAT then
    check.fail("policy: restore", "not a state of a policy host: %s",
               ok and "another format" or saved)
  end
  if saved.name ~= self.meta.name then
    check.fail("policy: restore", "the state is of policy '%s', not '%s'",
               saved.name, self.meta.name)
  end
  local version = saved.memory.version
  if version ~= self.meta.version and not self.meta.can_migrate then
    check.fail("policy: restore", "the state is of version %d, this policy "
               .. "has version %d and no migrate", version, self.meta.version)
  end
  return saved
end

--- Goes back to what `state` returned, in this process or another: the same
--- questions are open again.
---@param text string
function Host:restore(text)
  check_open(self, "restore")
  local saved = check_state(self, text)
  settle_all(self, "the policy was restored")
  self.jobs, self.next_id = {}, saved.next_id
  self.memory, self.head = saved.memory, saved.memory
  for _, open in ipairs(saved.open) do queue(self, open.id, open.view) end
  pump(self)
end

--- Ends the policy's thread and the watch; waits for neither.
function Host:close()
  if self.closed then return end
  self.closed = true
  if self.watch then self.watch:close() end
  reload.drop(self)
  self.thread:stop()
  settle_all(self, "the host is closed")
end

-- --- starting ------------------------------------------------------------

local function read_file(path)
  local file, why = io.open(path, "r")
  if not file then check.fail("policy", "%s", why) end
  local text, failure = file:read "*a"
  file:close()
  if not text then check.fail("policy", "%s: %s", path, failure) end
  return text
end

-- One request of the first thread; suspends until it is answered.
local function first(self, request)
  local reply
  self.thread:call(request, function(r)
    reply = r
    wake(self)
  end)
  while not reply do wait(self) end
  if not reply.ok then
    check.fail("policy", "%s: %s", self.path, reply.why)
  end
  return reply
end

local function open(self, rng_seed)
  self.thread = Thread.start(self.limit_ms)
  self.meta = first(self, self:load_request(self.source))
  local request = { what = "init", rng = random.new(rng_seed) }
  self.memory = first(self, request).memory
  self.head = self.memory
end

local known = { path = check.required, config = {}, rng_seed = 0,
                limit_ms = 2000, on_event = check.optional, watch = true }

local function check_options(options)
  local o = check.options("policy", options, {}, known)
  check.text("policy", "path", o.path)
  plain("start", check.table("policy", "config", o.config), "config")
  check.count("policy", "rng_seed", o.rng_seed)
  check.count("policy", "limit_ms", o.limit_ms, 1)
  check.boolean("policy", "watch", o.watch)
  if o.on_event then check.callable("policy", "on_event", o.on_event) end
  return o
end

local function nothing() end

---@class PolicyHostOptions
---@field path string          the policy's file
---@field config table|nil     for its init; plain
---@field rng_seed integer|nil of its math.random; 0 unless given
---@field limit_ms integer|nil for each decision; 2000 unless given
---@field on_event fun(event: table)|nil  called in the loop, so it cannot wait
---@field watch boolean|nil    reload the file when it changes; default true

--- Starts a policy; suspends the task until it is loaded. A file that cannot
--- serve raises.
---@param options PolicyHostOptions
---@return PolicyHost
function M.start(options)
  local o = check_options(options)
  local self = setmetatable({
    path = o.path, config = o.config, limit_ms = o.limit_ms,
    on_event = o.on_event and loop.guard(o.on_event) or nothing,
    source = read_file(o.path), closed = false, deleted = false,
    jobs = {}, queue = {}, next_id = 1, waiters = {},
  }, Host)
  local ok, e = pcall(open, self, o.rng_seed)
  if not ok then
    self:close()
    error(e, 0)
  end
  if o.watch then
    self.watch = watch.start(o.path, function(text, why)
      reload.changed(self, text, why)
    end)
  end
  return self
end

return M
