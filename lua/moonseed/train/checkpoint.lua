--- Checkpoints of a run: when they are made, and which stay.
--
-- A copy of everything is taken between two steps, on the device; a task of its
-- own writes it while training goes on, under a temporary name that is synced
-- and renamed. The last `keep` stay, and `best.safetensors` by the validation
-- loss. What cannot be written is an event and a printed line; the older
-- checkpoints and the training are as they were.

local context = require "moonseed.context"
local core = require "moonseed.ffi"
local check = require "moonseed.check"
local loop = require "moonseed.loop"
local moon = require "moonseed"
local state = require "moonseed.train.state"
local uv = core.uv

local M = {}

local FORM = "step-%09d.safetensors"

-- --- files -----------------------------------------------------------------

-- Names in a folder that have the pattern; none where there is no folder.
local function names_in(folder, pattern)
  local names, scan = {}, uv.fs_scandir(folder)
  while scan do
    local name = uv.fs_scandir_next(scan)
    if not name then break end
    if name:find(pattern) then names[#names + 1] = name end
  end
  return names
end

--- The checkpoints of a folder, newest first: their paths.
---@param folder string
---@return string[]
function M.list(folder)
  local names, paths = names_in(folder, "^step%-%d+%.safetensors$"), {}
  table.sort(names, function(a, b)
    return tonumber(a:match "%d+") > tonumber(b:match "%d+")
  end)
  for i, name in ipairs(names) do paths[i] = folder .. "/" .. name end
  return paths
end

--- Makes the folder, and those above it.
---@param path string
function M.make_folder(path)
  local so_far = path:sub(1, 1) == "/" and "/" or ""
  for part in path:gmatch "[^/]+" do
    so_far = so_far .. part
    local ok, why, name = uv.fs_mkdir(so_far, 493)  -- 0755
    if not ok and name ~= "EEXIST" then
      check.fail("fit", "cannot make the folder %s: %s", so_far, why)
    end
    local there = uv.fs_stat(so_far)
    if there and there.type ~= "directory" then
      check.fail("fit", "cannot make the folder %s: there is a file", so_far)
    end
    so_far = so_far .. "/"
  end
end

-- What was left by a process that was killed after a file of its had a
-- temporary name (core/file/writer.c) and before it had its own.
local function remove_leftovers(folder)
  for _, name in ipairs(names_in(folder, "^%.moonseed%-%d+%-%d+%.tmp$")) do
    local _, _, code = uv.kill(tonumber(name:match "%d+"), 0)
    if code == "ESRCH" then uv.fs_unlink(folder .. "/" .. name) end
  end
end

--- Takes the folder over from a run that was killed; not from one that was not.
---@param run table
function M.open(run)
  if not run.out then return end
  remove_leftovers(run.out)
  if not run.continued and #M.list(run.out) > 0 then
    check.fail("fit", "%s has the checkpoints of another run; resume it, or "
               .. "give another folder", run.out)
  end
end

-- The file at `path`, which the archive was written to, as `best`: another name
-- for it, or a second file where the file system has no such thing.
local function keep_best(run, archive, path)
  local best = run.out .. "/best.safetensors"
  local aside = best .. ".new"
  uv.fs_unlink(aside)
  if uv.fs_link(path, aside) and uv.fs_rename(aside, best) then return end
  uv.fs_unlink(aside)
  archive:save(best)
end

local function remove_old(run)
  local paths = M.list(run.out)
  for i = run.options.keep + 1, #paths do uv.fs_unlink(paths[i]) end
end

-- --- writing ---------------------------------------------------------------

-- The record first: a run that goes on from the file has all that came before.
-- Returns the file's bytes.
local function write(run, archive, path, is_best)
  if run.record then run.record:sync() end
  local bytes = archive:save(path)
  if is_best then keep_best(run, archive, path) end
  remove_old(run)
  return bytes
end

local function answer(request, path, e)
  if not request then return end
  request.path, request.error = path, e
  if request.waiter.object == request then loop.wake(request.waiter) end
end

-- Spawning must not move the run's random numbers.
local function beside(run, fn)
  local words = context.save_generator()
  run.writer = moon.spawn(fn, { name = "checkpoint of " .. run.name })
  context.load_generator(words)
end

-- Starts to write the state as it is; one at a time.
local function start(run, is_best, request)
  if run.writer then run.writer:await() end
  local step = run.metrics.step
  local path = run.out .. "/" .. FORM:format(step)
  local archive = state.collect(run)
  beside(run, function()
    local ok, e = pcall(write, run, archive, path, is_best)
    archive:dispose()
    answer(request, ok and path, not ok and tostring(e) or nil)
    if ok then
      return run:tell("checkpoint", { step = step, path = path, bytes = e,
                                      best = is_best or nil })
    elseif run.task.cancelled then
      return
    end
    run:tell("checkpoint_failed", { path = path, why = tostring(e) })
    if not request then
      io.stderr:write("moonseed: ", run.name, ": no checkpoint: ",
                      tostring(e), "\n")
    end
  end)
end

--- Between two steps: what was asked for, and what is due.
---@param run table
function M.serve(run)
  local every = run.options.every
  local due = run.out and every and run.metrics.step % every == 0
  local request = table.remove(run.requests, 1)
  if request or due then start(run, false, request) end
end

--- During a pause: what was asked for.
---@param run table
function M.serve_asked(run)
  while #run.requests > 0 do
    start(run, false, table.remove(run.requests, 1))
  end
end

--- At the end of an epoch.
---@param run table
---@param is_best boolean
---@param last boolean
function M.at_epoch(run, is_best, last)
  if not run.out then return end
  if is_best or last or not run.options.every then
    start(run, is_best, table.remove(run.requests, 1))
  else
    M.serve(run)
  end
end

--- Waits for what is being written; answers who still waits.
---@param run table
function M.finish(run)
  if run.writer and not run.task.cancelled then run.writer:await() end
  for _, request in ipairs(run.requests) do
    answer(request, nil, run.name .. " ended before the checkpoint")
  end
end

return M
