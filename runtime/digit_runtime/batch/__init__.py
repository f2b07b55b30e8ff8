"""Score more digits than one process can: the `digit-batch` command, on Ray Data.

The unit of work is a part of a file (`digit_runtime.batch.parts`). Ray gives each part to one of
a pool of workers, which reads, predicts and publishes it (`digit_runtime.batch.scorer`) and hands
back nothing but its counts, so no pixel passes through Ray's object store.
"""
