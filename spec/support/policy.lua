-- Policies for specs: files in a folder of their own, hosts that are closed
-- when a spec is over, views, and the events that hosts tell of.

local files = require "support.files"
local moon = require "moonseed"
local Host = require "moonseed.seed.policy.host"

local M = {}

local folder, remove
local hosts = {}

--- For before_each.
function M.open()
  folder, remove = files.folder()
end

--- For after_each: closes what M.start started.
function M.close()
  for _, host in ipairs(hosts) do host:close() end
  hosts = {}
  remove()
end

--- A path in the folder.
---@param name string
---@return string
function M.path(name) return folder .. "/" .. name end

--- A policy's text: decide's body, other functions before the return.
---@param body string      of decide(state, view)
---@param version integer? 1 unless given
---@param more string?
---@return string
function M.text(body, version, more)
  return ("local policy = { name = 'test', version = %d }\n"
    .. "function policy.init() return { n = 0 } end\n"
    .. "function policy.decide(state, view) %s end\n%s\nreturn policy\n")
    :format(version or 1, body, more or "")
end

--- A host of `text`, and the list of its events.
---@param text string
---@param options table?  as for Host.start
---@return table host
---@return table[] events
function M.start(text, options)
  local events = {}
  local all = { path = files.write(M.path "policy.lua", text),
                on_event = function(e) events[#events + 1] = e end }
  for name, value in pairs(options or {}) do all[name] = value end
  local host = Host.start(all)
  hosts[#hosts + 1] = host
  return host, events
end

--- A view with two dormant slots.
---@param changes table?
---@return table
function M.view(changes)
  local view = {
    version = 1, step = 100, epoch = 10, host = { valid_losses = {} },
    blueprints = { "norm", "conv_small", "mlp" }, outcomes = {},
    slots = { { name = "early", seed = 1, stage = "DORMANT" },
              { name = "late", seed = 1, stage = "DORMANT" } },
  }
  for name, value in pairs(changes or {}) do view[name] = value end
  return view
end

--- The answer to a view.
---@param host table
---@param view table?
---@return table[]|nil actions
---@return string|nil why
function M.ask(host, view)
  return host:answer(host:ask(view or M.view()))
end

--- Waits until fn() is true; raises after half a minute.
---@param fn fun(): any
function M.wait_until(fn)
  moon.timeout(30000, function()
    while not fn() do moon.sleep(5) end
  end)
end

return M
