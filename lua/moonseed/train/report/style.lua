--- How a report looks: one style sheet, for wide and narrow, light and dark.

local light = {
  ink = "#1c2330", soft = "#5b6574", paper = "#fbfbf9", card = "#ffffff",
  rule = "#e3e5e8", shade = "#c9ced6",
  warn = "#a15c00", bad = "#c02b2b", good = "#1b7f4d",
  info = "#2563c9", alpha = "#2563c9",
  c = { "#2563c9", "#d0661c", "#1d8a5f", "#8a4fbf", "#c2337c", "#8a7400",
        "#0f7f8e", "#6d7684" },
  s = { GERMINATED = "#c9b458", TRAINING = "#e09a3e", BLENDING = "#4f9bd9",
        HOLDING = "#2f6fb3", FOSSILIZED = "#1b7f5c", PRUNED = "#c8463c",
        EMBARGOED = "#d9b8b4", RESETTING = "#e6d6d3" },
}

local dark = {
  ink = "#e6e9ee", soft = "#98a2b1", paper = "#12161c", card = "#1a2029",
  rule = "#2c3440", shade = "#05070a",
  warn = "#e0a24a", bad = "#f07a70", good = "#4cc394",
  info = "#79a8ff", alpha = "#79a8ff",
  c = { "#6ea4ff", "#f0935b", "#4cc394", "#c08cf0", "#f07fb8", "#cdbb4a",
        "#4fc3d0", "#a3acb9" },
  s = { GERMINATED = "#d8c66e", TRAINING = "#e0a050", BLENDING = "#62b0ee",
        HOLDING = "#3f80cc", FOSSILIZED = "#2fa37b", PRUNED = "#e06358",
        EMBARGOED = "#6d4a48", RESETTING = "#4a3b3d" },
}

local function variables(theme)
  local out = {}
  for name, value in pairs(theme) do
    if type(value) == "string" then
      out[#out + 1] = ("--%s:%s"):format(name, value)
    end
  end
  for i, value in ipairs(theme.c) do
    out[#out + 1] = ("--c%d:%s"):format(i, value)
  end
  for name, value in pairs(theme.s) do
    out[#out + 1] = ("--s-%s:%s"):format(name, value)
  end
  table.sort(out)
  return table.concat(out, ";")
end

local function classes()
  local out = {}
  for i = 1, #light.c do
    out[i] = (".c%d{--k:var(--c%d)}"):format(i, i)
  end
  for name in pairs(light.s) do
    out[#out + 1] = (".s-%s{--k:var(--s-%s)}"):format(name, name)
  end
  for _, name in ipairs{ "good", "warn", "bad", "info" } do
    out[#out + 1] = (".m-%s{--k:var(--%s)}"):format(name, name)
  end
  table.sort(out)
  return table.concat(out, "\n")
end

local rules = [[
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
 font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:76rem;margin:0 auto;padding:1.5rem 1.25rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .2rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:0 0 .75rem}
h3{font-size:1rem;margin:2.5rem 0 1rem;padding-top:1rem;
 border-top:2px solid var(--rule)}
p{margin:.25rem 0 .75rem;overflow-wrap:anywhere}
section{background:var(--card);border:1px solid var(--rule);
 border-radius:10px;padding:1rem 1.1rem;margin:1rem 0;min-width:0}
.sub,.note,small,figcaption+.legend{color:var(--soft)}
.note{font-size:.8rem;margin:.4rem 0 0}
.warn{color:var(--warn)} .bad{color:var(--bad)}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:0 1.5rem}
.pair>*{min-width:0}
.tiles{display:grid;gap:.75rem;margin:1rem 0;
 grid-template-columns:repeat(auto-fit,minmax(9rem,1fr))}
.tiles div{background:var(--card);border:1px solid var(--rule);
 border-radius:10px;padding:.6rem .9rem}
.tiles b{display:block;font-size:1.35rem;font-weight:600;line-height:1.3;
 font-variant-numeric:tabular-nums}
.tiles small{font-size:.8rem}
figure{margin:0 0 .75rem}
.note+.pair{margin-top:1.25rem}
figcaption{font-weight:600;font-size:.92rem}
.legend{display:flex;flex-wrap:wrap;gap:.1rem .9rem;margin:.1rem 0 .5rem;
 font-size:.82rem;color:var(--soft)}
.legend span{display:inline-flex;align-items:center;gap:.35rem;
 overflow-wrap:anywhere}
.legend i{flex:none;width:.8rem;height:.8rem;border-radius:3px;
 background:var(--k)}
.legend i.dash{height:0;border-radius:0;background:none;
 border-top:3px dashed var(--k);width:1.2rem}
.legend i.alpha{background:var(--alpha);opacity:.35}
.legend i.tick{width:3px;border-radius:1px}
.dot{display:inline-block;width:.7rem;height:.7rem;border-radius:50%;
 background:var(--k);margin-right:.4rem}
.plot{display:grid;grid-template-columns:3.4rem minmax(0,1fr);
 font-size:.75rem;color:var(--soft);font-variant-numeric:tabular-nums;
 padding-top:.4rem}
.plot .area{height:var(--h);min-width:0}
.plot svg{display:block;width:100%;height:100%;overflow:visible}
.ya{position:relative;height:var(--h)}
.ya span{position:absolute;right:.5rem;transform:translateY(-50%);
 white-space:nowrap}
.xa{grid-column:2;position:relative;height:1.4rem;margin-top:.2rem}
.xa span{position:absolute;transform:translateX(-50%);white-space:nowrap}
.xa span.s{transform:none} .xa span.e{transform:translateX(-100%)}
.lanes{grid-template-columns:minmax(4.5rem,max-content) minmax(0,1fr);
 row-gap:.25rem}
.lanes .name{align-self:center;padding-right:.7rem;color:var(--ink);
 font-size:.8rem;overflow-wrap:anywhere;max-width:11rem}
path,rect{vector-effect:non-scaling-stroke}
.grid{stroke:var(--rule);stroke-width:1;fill:none}
.line{stroke:var(--k);stroke-width:1.8;fill:none;stroke-linejoin:round;
 stroke-linecap:round}
.line.dash{stroke-dasharray:5 4}
.line.pale{opacity:.3;stroke-width:1}
.mark{stroke:var(--k);stroke-width:2;fill:none}
path.bad{stroke:var(--bad);stroke-width:1.5;fill:none}
rect{fill:var(--k)}
rect.failed{stroke:var(--bad);stroke-width:2}
path.alpha{fill:var(--alpha);opacity:.35}
.scroll{overflow-x:auto;margin:.25rem 0 0;max-width:100%}
table{border-collapse:collapse;font-size:.84rem;min-width:100%;
 font-variant-numeric:tabular-nums}
th,td{padding:.3rem .6rem;text-align:left;vertical-align:top;
 border-bottom:1px solid var(--rule)}
th{font-weight:600;color:var(--soft);white-space:nowrap}
td:first-child,th:first-child{padding-left:0}
.r{text-align:right;white-space:nowrap}
.env td{white-space:normal;overflow-wrap:anywhere}
.env td:first-child{color:var(--soft);width:14rem}
.env thead{display:none}
td:last-child:not(.r){min-width:14rem}
ol.events{list-style:none;margin:.5rem 0 0;padding:0;font-size:.84rem;
 max-height:36rem;overflow-y:auto;background-repeat:no-repeat;
 background-image:linear-gradient(var(--card) 30%,transparent),
  linear-gradient(transparent,var(--card) 70%),
  linear-gradient(var(--shade),transparent),
  linear-gradient(transparent,var(--shade));
 background-size:100% 3rem,100% 3rem,100% 1rem,100% 1rem;
 background-position:top,bottom,top,bottom;
 background-attachment:local,local,scroll,scroll}
.events li{display:grid;gap:0 .75rem;padding:.35rem 0;
 grid-template-columns:4rem 4.5rem 8.5rem minmax(0,1fr);
 border-bottom:1px solid var(--rule);font-variant-numeric:tabular-nums}
.events time{color:var(--soft)} .events li>b{font-weight:400;
 text-align:right}
.events em{font-style:normal;font-weight:600}
.events u{text-decoration:none;font-weight:600}
.events li>span{overflow-wrap:anywhere}
.events .void{text-decoration:line-through;opacity:.6}
summary{cursor:pointer;font-weight:600;font-size:.92rem;padding:.2rem 0}
@media(max-width:720px){
 main{padding:1rem .75rem 3rem} .pair{grid-template-columns:1fr}
 section{padding:.8rem .75rem} h1{font-size:1.3rem}
 .tiles{grid-template-columns:1fr 1fr;gap:.5rem} .tiles b{font-size:1.15rem}
 .plot{grid-template-columns:2.9rem minmax(0,1fr)}
 .lanes{grid-template-columns:minmax(3.6rem,max-content) minmax(0,1fr)}
 .lanes .name{max-width:5.5rem;padding-right:.5rem;font-size:.74rem}
 .xa span:nth-child(even):not(.e){display:none}
 .env td:first-child{width:8rem}
 .events li{grid-template-columns:3.6rem 3.6rem minmax(0,1fr)}
 .events li>span{grid-column:1/-1}
}
@media print{ol.events{max-height:none}}
]]

return table.concat{
  ":root{color-scheme:light dark;", variables(light), "}\n",
  "@media(prefers-color-scheme:dark){:root{", variables(dark), "}}\n",
  classes(), "\n", rules }
