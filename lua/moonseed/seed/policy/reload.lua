--- A policy's file has changed: the new text is tried on a thread of its own,
--- beside the one that serves, and takes over at a boundary.

local Thread = require "moonseed.seed.policy.thread"

local M = {}

--- Lets go of the text that is being tried, or that waits for a boundary.
---@param host PolicyHost
function M.drop(host)
  if not host.candidate then return end
  host.candidate.thread:stop()
  host.candidate = nil
end

local function reject(host, why)
  M.drop(host)
  host:emit("policy_rejected", why)
end

-- Calls the candidate's thread; `done` only hears a success, and only while
-- the candidate is the latest.
local function try(host, candidate, request, done)
  candidate.thread:call(request, function(reply)
    if host.candidate ~= candidate then return end
    if not reply.ok then return reject(host, reply.why) end
    done(reply)
  end)
end

local function rehearse(host, candidate)
  local request = { what = "rehearse", memory = host.head,
                    view = host.last_view }
  try(host, candidate, request, function() candidate.ready = true end)
end

local function start(host, source)
  local candidate = { source = source, thread = Thread.start(host.limit_ms) }
  host.candidate = candidate
  try(host, candidate, host:load_request(source), function(reply)
    candidate.meta = reply
    rehearse(host, candidate)
  end)
end

--- What the watch calls.
---@param host PolicyHost
---@param source string|nil  the file's text; nil: it is gone or unreadable
---@param why string|nil
function M.changed(host, source, why)
  M.drop(host)
  if source then
    host.deleted = false
    if source ~= host.source then start(host, source) end
  elseif not why:find "^ENOENT" then
    host:emit("policy_rejected", why)
  elseif not host.deleted then
    host.deleted = true
    host:emit("policy_deleted", why)
  end
end

--- The tried text takes over. Its first decision migrates the state; where
--- that fails, the text before it comes back, see M.revert.
---@param host PolicyHost
function M.take_over(host)
  local candidate = host.candidate
  host.candidate = nil
  host.previous = { source = host.source, meta = host.meta }
  host.thread:stop()
  host.thread, host.source, host.meta =
    candidate.thread, candidate.source, candidate.meta
  host:emit "policy_reloaded"
end

--- Undoes M.take_over.
---@param host PolicyHost
---@param why string
function M.revert(host, why)
  host.thread:stop()
  host:emit("policy_rejected", why)
  host.source, host.meta = host.previous.source, host.previous.meta
  host.previous = nil
end

return M
