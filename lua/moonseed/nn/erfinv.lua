--- The inverse of erf, for first values that are cut off: Giles 2010,
--- "Approximating the erfinv function", in single precision.
local moon = require "moonseed"

-- The polynomials' coefficients, the highest first.
local CENTRE = { 2.81022636e-08, 3.43273939e-07, -3.5233877e-06,
                 -4.39150654e-06, 0.00021858087, -0.00125372503,
                 -0.00417768164, 0.246640727, 1.50140941 }
local TAIL = { -0.000200214257, 0.000100950558, 0.00134934322,
               -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
               1.00167406, 2.83297682 }
-- The largest f32 below 1, where they end.
local ALMOST_ONE = 1 - 2 ^ -24

-- Each step's temporaries go at once: weights are large.
local function polynomial(coefficients, x)
  local y = x * coefficients[1] + coefficients[2]
  for i = 3, #coefficients do
    moon.tidy(function() y:copy_(y * x + coefficients[i]) end)
  end
  return y
end

--- Within 2e-7 of its size in f64; beyond ALMOST_ONE, what it is there.
---@param x userdata
---@return userdata  of x's shape
return function(x)
  x = x:clamp(-ALMOST_ONE, ALMOST_ONE)
  local w = -((1 - x) * (1 + x)):log()
  local centre = polynomial(CENTRE, w - 2.5)
  return w:lt(5):where(centre, polynomial(TAIL, w:sqrt() - 3)) * x
end
