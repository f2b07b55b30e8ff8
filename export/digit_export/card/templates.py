"""The words of a model card, with gaps for what its manifest says."""

from typing import Final

TEMPLATE: Final = """\
# {name}

Recognizes a single handwritten digit, centred in 28x28 pixels, white on black.

| | |
|---|---|
{facts}

## Input and output

`pixels`: uint8 `[N, 784]`, the image row by row, 0 is background and 255 is ink.
`probabilities`: float32 `[N, 10]`, for the digits 0 to 9. Scaling and reshaping are part
of every file, so there is no preprocessing. N is free.

## Files

{files}
{notes}
Accuracy is on {rows}. "Agreement" is how often the file's answer is that of the Keras
model on the same rows, "difference" the largest one between their probabilities. "Calibration
error" is how far its highest probabilities are from how often it is right (ECE, 15 bins).

{evaluation}{training}## Intended use and limits

For teaching, for benchmarks of devices and formats, and for reading digits that were
brought to MNIST's form: one digit an image, scaled to 20x20 pixels, centred by its mass
in 28x28, white on black. {limit} Do not let it decide alone where a mistake harms somebody.

## Data

Trained on MNIST by Yann LeCun and Corinna Cortes, licence CC BY-SA 3.0, in the format of
Kaggle's Digit Recognizer competition. The test rows were not trained on, and nothing was
chosen by them: networks, recipes, temperature and limit were chosen by the last rows of the
training file, which were held out.{calibration}

Made by `digit-export` and `digit-card` from manifest.json; do not edit.
"""

OWN_TEMPLATE: Final = """\
# {name}

Tells {classes} classes apart: {labels}.

| | |
|---|---|
{facts}

## Input and output

`pixels`: uint8 `[N, 784]`, a 28x28 image row by row, from 0 to 255.
`probabilities`: float32 `[N, {classes}]`, in the order of the classes above. Scaling and
reshaping are part of every file, so there is no preprocessing. N is free.

## Files

{files}
{notes}
Accuracy is on {rows}. "Agreement" is how often the file's answer is that of the Keras
model on the same rows, "difference" the largest one between their probabilities. "Calibration
error" is how far its highest probabilities are from how often it is right (ECE, 15 bins).

{evaluation}## Data

`digit-export` was given a trained model and does not know what it was trained on, under
which licence it may be used, or what it is good for.{calibration}

Made by `digit-export` from manifest.json; do not edit.
"""

EVALUATION: Final = """\
## What it can do, and where it fails

`{file}` on {engine}: **{accuracy:.2%}** of {rows:,} {kind} rows right ({wrong:,} wrong),
+/- {margin:.2f} points (95 %, Wilson: {low:.2%} to {high:.2%}).{seen}

| the same rows | accuracy |
|---|--:|
{robustness}

{strangers}![Confusion matrix: labels in rows, predictions in columns]({confusion})

The {count} digits to whose label it gave the least probability, wrong answers in red:

![Hardest digits, each with row, label, prediction and confidence]({hardest})

"""

STRANGERS: Final = """\
Of what is no digit, this much gets a probability of {limit:.4f} (`unsure_below`) or more and
passes for one. The limit was chosen on validation rows, so that 99 % of the digits there
reach it; of the test digits {kept:.2%} do. All was drawn with fonts and by generators that no
training saw; photographs and stars are kinds that no training saw.

| pictures without a digit | pass |
|---|--:|
{passing}

Each letter in 20 fonts: {letters}.

"""

TRAINING: Final = """\
## Training

{settings}

![Loss and error rate over the epochs, training and validation](history.png)

"""
