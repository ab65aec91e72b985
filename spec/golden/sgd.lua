-- Made by make_golden.py with PyTorch 2.15.0; do not edit.
return {
{ op = "sgd", name = "plain", p = { lr = 0.1 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.4096557617187497, 1.0790283203125002,
2.12750244140625, -1.238189697265625, -0.461236572265625, 1.009381103515625 } },
{ shape = { 4 }, values = { -1.3872253417968747, -0.8387451171875,
2.29669189453125, 0.250848388671875 } } },
g = {  } },
{ op = "sgd", name = "weight decay", p = { lr = 0.1, weight_decay = 0.01 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.4043468838809814, 1.076011397903076,
2.1218050155336305, -1.2339052110223998, -0.4603728007467651, 1.0066196220285646
} }, { shape = { 4 }, values = { -1.382002888399109, -0.8370552978756104,
2.290342581454041, 0.24939560904278563 } } },
g = {  } },
{ op = "sgd", name = "momentum", p = { lr = 0.1, momentum = 0.9 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -0.9208872070312498, 0.8715180053710937,
2.5478833007812502, -0.92269091796875, -0.4157778930664063, 1.2861448364257815 }
}, { shape = { 4 }, values = { -0.906820129394531, -0.9894956665039063,
2.6539892578125, 0.011148681640624953 } } },
g = {  } },
{ op = "sgd", name = "momentum and weight decay", p = { lr = 0.05, momentum =
0.9, weight_decay = 0.0005 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.4396113197821885, 0.9805354161130868,
2.1433470802093844, -1.236556561679858, -0.3624206864662408, 1.0513998976866614
} }, { shape = { 4 }, values = { -1.4165603541871816, -0.7481529327588632,
2.317217220697433, 0.2936763010195031 } } },
g = {  } },
{ op = "sgd", name = "Nesterov", p = { lr = 0.1, momentum = 0.9, nesterov =
true, weight_decay = 0.0005 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -0.4748205004643653, 0.8821708014173733,
2.854395652728258, -0.672314950519069, -0.5571138533828667, 1.4313121852592796 }
}, { shape = { 4 }, values = { -0.46857948852567166, -1.2727896191453112,
2.9014707142086897, -0.25800685892411707 } } },
g = {  } },
{ op = "sgd", name = "clipped to norm 1", p = { lr = 0.1, momentum = 0.9,
max_norm = 1 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.7248328283422274, 1.04190598707839,
1.9195157227900972, -1.4102628928565335, -0.3339929695914782, 0.9154470823282794
} }, { shape = { 4 }, values = { -1.6968478550779258, -0.6198211766213088,
2.1306023782693995, 0.4475128942052411 } } },
g = {  } },
}
