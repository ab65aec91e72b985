--- Rounds of a benchmark: ours and its peers in turn.

local spawn = require("peer").spawn

local M = {}

-- A peer that does not start, or ends, is left out; without ours, there is
-- nothing to compare.
local function leave_out(name, why, is_ours)
  if is_ours then error(("%s: %s"):format(name, why), 0) end
  print(("%s is left out: %s"):format(name, why))
end

--- Starts peers and adds those that run to the list. All start at once where
--- there is a limit, as starting takes a GPU's peers long.
---@param peers Peer[]
---@param descriptions table[]  { name, command, environment } each, ours first
---@param left (fun(): number)|nil  how many seconds there are yet
function M.start(peers, descriptions, left)
  local begun = {}
  local function begin(i)
    local name, command, env = unpack(descriptions[i], 1, 3)
    begun[i] = begun[i]
      or { pcall(spawn, name, command, env, left and left()) }
    return unpack(begun[i])
  end
  for i = 1, left and #descriptions or 0 do begin(i) end
  for i, description in ipairs(descriptions) do
    local name = description[1]
    local ok, peer = begin(i)
    if ok then ok, peer = pcall(peer.await, peer) end
    if ok then
      peers[#peers + 1] = peer
      print(("%s: %s"):format(name, peer.who))
    else
      leave_out(name, peer, i == 1)
    end
  end
end

---@param peers Peer[]
---@return string[]
function M.names(peers)
  local names = {}
  for i, peer in ipairs(peers) do names[i] = peer.name end
  return names
end

--- A round of every peer, the first one changing from round to round. Of a peer
--- that ends on its way, what it said before counts.
---@param peers Peer[]
---@param round integer
---@param add fun(peer: string, metric: string, value: number)
function M.run(peers, round, add)
  local order, failed = {}, {}
  for i = 1, #peers do order[i] = peers[(i + round - 2) % #peers + 1] end
  for _, peer in ipairs(order) do
    local ok, values, names = pcall(peer.round, peer)
    if not ok then
      failed[peer] = values
      values, names = peer:rest()
    end
    for _, name in ipairs(names) do add(peer.name, name, values[name]) end
  end
  for i = #peers, 1, -1 do
    local peer = peers[i]
    if failed[peer] then
      leave_out(peer.name, failed[peer], i == 1)
      table.remove(peers, i):stop()
    end
  end
end

return M
