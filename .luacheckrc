std = "luajit"
max_line_length = 80
exclude_files = { "build", "spec/golden", "runs" }
files["spec"] = { std = "+busted" }
