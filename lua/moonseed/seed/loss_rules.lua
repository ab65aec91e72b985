--- Which losses are bad, judged against those before them.
--
-- A loss that is not finite is bad beyond doubt. The other rules need several
-- bad losses in a row (of any of them) for a verdict: one batch may be hard,
-- or wrongly labelled. Only healthy losses enter the window that the rules
-- compare with, so that a spike never widens the bounds it is judged by.
local M = {}

---@class Fault
---@field rule string    non_finite, absolute, collapse, ratio or sigma
---@field text string
---@field final boolean  time to roll back

---@class LossRules
---@field streak integer   bad losses in a row, up to now
---@field fault Fault|nil  the last of them; nil after a healthy loss
---@field learned boolean  the losses have been clearly below chance
local LossRules = {}
LossRules.__index = LossRules

local function is_finite(loss) return loss - loss == 0 end

-- From the narrowest claim to the widest: the first that holds names the loss.
-- Each gets the options, the loss and the statistics of the healthy losses
-- ({} while there are too few).
local rules = {
  { name = "collapse", text = function(o, loss, s)
    if s.learned and math.abs(loss - o.chance) <= o.tolerance * o.chance then
      return ("as good as chance, %.4g"):format(o.chance)
    end
  end },
  { name = "absolute", text = function(o, loss)
    if loss > o.absolute then return ("above %.4g"):format(o.absolute) end
  end },
  { name = "ratio", text = function(o, loss, s)
    if s.mean and s.mean > 0 and loss > o.ratio * s.mean then
      return ("above %.4g times the mean %.4g"):format(o.ratio, s.mean)
    end
  end },
  { name = "sigma", text = function(o, loss, s)
    if s.mean and loss > s.mean + o.sigma * s.deviation then
      return ("above the mean %.4g by more than %.4g deviations of %.4g")
        :format(s.mean, o.sigma, s.deviation)
    end
  end },
}

--- Forgets all losses.
function LossRules:reset()
  self.losses, self.n, self.streak = {}, 0, 0
  self.fault, self.learned = nil, false
end

-- Mean and deviation of the window, from its values each time: a running sum
-- would drift over a long run.
local function statistics(self)
  local o, losses = self.options, self.losses
  local n = #losses
  if n < o.warmup then return { learned = self.learned } end
  local sum, squares = 0, 0
  for i = 1, n do sum = sum + losses[i] end
  local mean = sum / n
  for i = 1, n do squares = squares + (losses[i] - mean) ^ 2 end
  local deviation = math.sqrt(squares / math.max(n - 1, 1))
  return { mean = mean, learned = self.learned,
           deviation = math.max(deviation, o.floor * math.abs(mean)) }
end

local function accept(self, loss)
  local o = self.options
  self.losses[self.n % o.window + 1] = loss
  self.n = self.n + 1
  self.streak, self.fault = 0, nil
  local s = statistics(self)
  if o.chance and s.mean and s.mean < (1 - o.margin) * o.chance then
    self.learned = true
  end
end

local function find(self, loss)
  local s = statistics(self)
  for _, rule in ipairs(rules) do
    local text = rule.text(self.options, loss, s)
    if text then return rule.name, text end
  end
end

--- Judges the next loss. Healthy ones enter the window.
---@param loss number
---@return Fault|nil
function LossRules:judge(loss)
  local o = self.options
  if not is_finite(loss) then
    self.streak = math.max(self.streak + 1, o.patience)
    self.fault = { rule = "non_finite", final = true,
                   text = ("loss %g is not finite"):format(loss) }
    return self.fault
  end
  local rule, text = find(self, loss)
  if not rule then return accept(self, loss) end
  self.streak = self.streak + 1
  self.fault = {
    rule = rule, final = self.streak >= o.patience,
    text = ("loss %.4g is %s (%d in a row)"):format(loss, text, self.streak),
  }
  return self.fault
end

--- Rules with these options; governor.lua says what each means.
---@param options table  absolute, sigma, ratio, floor, window, warmup,
---                      patience, and with `chance` tolerance and margin
---@return LossRules
function M.new(options)
  local self = setmetatable({ options = options }, LossRules)
  self:reset()
  return self
end

return M
