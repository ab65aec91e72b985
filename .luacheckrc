std = "luajit"
max_line_length = 80
exclude_files = { "build", "spec/golden", "runs" }
files["spec"] = { std = "+busted" }
-- Replaces functions of coroutine so that an await passes through.
files["lua/moonseed/generator.lua"] = { globals = { "coroutine" } }
