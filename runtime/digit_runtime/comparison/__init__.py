"""What each file costs with each engine on this device, measured so that it can be believed.

`candidates` finds what to measure, `rounds` lets one `measuring.process` each take turns,
`summary` makes figures of that, `measuring.statistics` says how certain they are, and `results`
keeps all of it; `run` is the whole of that. `render` and `plot` show results, `goals` and
`baseline` judge them, `merge` puts those of several devices side by side.
"""
