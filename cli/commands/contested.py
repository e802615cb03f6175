"""`hyle contested`: the samples on which models agree least, and most."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from hyle.zoo import InputError, Store

from ..comparison import find_samples, known_groups, sample_sizes
from ..console import say
from ..jobs import (
    CONTESTED_SUFFIXES,
    by_name,
    check_ids,
    check_structures,
    check_suffix,
    contested_data,
    contested_with_progress,
    errors_of,
    explain_contested,
    explanation_data,
    explanation_sentences,
    find_representations,
    find_training_data,
    node_kind,
    predict_errors,
    print_errors,
    print_explanation,
    print_samples,
    print_summary,
    select_for_labelling,
    select_rows,
    training_distances,
    without_controls,
    write_contested,
)
from ..options import (
    FileSelection,
    LocalPath,
    RowSelection,
    SectionedCommand,
    file_options,
    json_option,
    parse_groups,
    print_json,
    read_groups,
    row_options,
    store_option,
    stored_options,
)
from ..outputs import check_file, replace_option

FORMS = ("neighbours", "pnka", "cka")
NEIGHBOUR_METRICS = ("cosine", "euclidean", "inner_product")


@click.command(cls=SectionedCommand, short_help="Find the samples that models disagree on.")
@click.argument("sources", nargs=-1)
@click.option(
    "--metric",
    type=click.Choice(FORMS),
    default="neighbours",
    show_default=True,
    help="Agreement on a sample: the share of common nearest neighbours, the cosine of its rows in the two centred "
    "Gram matrices (PNKA), or its term of linear CKA.",
)
@click.option(
    "-k",
    "--neighbours",
    "k",
    type=click.IntRange(1),
    help="Number of nearest neighbours. [default: 25, or n / 2 if n < 50]",
)
@click.option(
    "--neighbour-metric",
    type=click.Choice(NEIGHBOUR_METRICS),
    default="cosine",
    show_default=True,
    help="How neighbours are found.",
)
@click.option(
    "--search",
    type=click.Choice(("exact", "hnsw")),
    default="exact",
    show_default=True,
    help="Search of the neighbours: exact, or approximate (hnsw), which takes much less time for many samples.",
)
@click.option(
    "-n",
    "--number",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Number of samples to list at each end.",
)
@click.option(
    "--families",
    type=LocalPath(dir_okay=False, path_type=Path),
    help="A .csv file (model, family): models of one family are siblings, whose agreement does not count. [default: "
    "the family in the model's card; a file is a family of its own]",
)
@click.option(
    "--beyond",
    "strata",
    callback=lambda _context, _option, text: parse_groups(text, "--beyond"),
    help="Also test agreement above that of samples of one stratum: a kind of groups, such as formula, KIND:DATASET, a "
    ".csv file (sample id, stratum), or none. [default: the first of formula, composition and elements that 20 % of "
    "the samples share; of atoms the element]",
)
@click.option(
    "--errors",
    type=LocalPath(dir_okay=False, path_type=Path),
    help="A .csv file (sample id, then one column of errors per model, predicted minus true): does disagreement "
    "predict them?",
)
@click.option(
    "--training-data",
    metavar="DATASET",
    help="Data set on which the models were trained, embedded by them beforehand. With --errors, the distance to it in "
    "each model's space is tested as a predictor of the errors; with --explain, the distance between compositions is "
    "added as a descriptor.",
)
@click.option(
    "--select",
    type=click.IntRange(1),
    metavar="N",
    help="Select N samples for labelling: contested ones that differ from each other. They are listed, marked in .csv "
    "and .json, and written as .smi or .xyz.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Also say what contested samples have in common: functional groups, elements, symmetry, size.",
)
@click.option(
    "--samples",
    "samples_source",
    metavar="DATASET|FILE[:ID_COLUMN]",
    help="What the samples are, for SMILES, formulas and structures. [default: the data set of the embeddings, if "
    "it is built in]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the permutations.")
@row_options(by=False)
@stored_options
@file_options
@click.option(
    "-o",
    "--output",
    type=LocalPath(path_type=Path),
    help="Also write a page with the samples drawn (.html), all samples (.csv, .json), or the structures of the most "
    "contested ones (.smi, .xyz).",
)
@replace_option
@store_option
@json_option
def command(
    sources: tuple[str, ...],
    metric: Any,
    k: int | None,
    neighbour_metric: Any,
    search: Any,
    number: int,
    families: Path | None,
    strata: Any,
    errors: Path | None,
    training_data: str | None,
    select: int | None,
    explain: bool,
    samples_source: str | None,
    seed: int,
    rows: RowSelection,
    dataset: str | None,
    layer: str | None,
    pooling: str | None,
    files: FileSelection,
    output: Path | None,
    replace_output: bool,
    store_path: Path,
    as_json: bool,
) -> None:
    """Find the samples on which models agree least and most, next to the agreement expected of samples like them.

    SOURCES are files of embeddings, or models that `hyle embed` has embedded. Without SOURCES, all models of
    one data set are used: the set on which most models in the store were embedded.

    A sample is contested if models agree on it less than on samples like it: samples that are as near to others, as
    often a neighbour, and as far from the mean, in the same models. The test needs models of four families, because
    those of one family agree anyway. The reliability says whether there is anything to rank: it is that of the order of
    the samples, by halves of the families that share no model. A sample is agreed if models agree on it more than by
    chance.

    \b
    Examples:
      hyle contested -o contested.html
      hyle contested minilm chgnet-0.3.0 aimnet2 minimol -n 10
      hyle contested a.npz b.npz c.npz d.npz --errors errors.csv
      hyle contested --select 50 -o to-dft.xyz
      hyle contested --explain
    """
    target = None
    if output is not None:
        check_suffix(output, CONTESTED_SUFFIXES)
        target = check_file(output, replace=replace_output)
    given = read_groups(families, "--families") if families else {}
    found = find_representations(
        sources,
        Store(store_path),
        dataset=dataset,
        layer=layer,
        pooling=pooling,
        per=rows.per,
        files=files,
        command=shlex.join(["hyle", "contested", *sources]),
    )
    found = found if sources else without_controls(found)
    if len(found) < 2:
        raise InputError("agreement is between models: give two representations or more")
    found = select_rows(found, rows)
    check_ids(found)
    ids = sorted(set.intersection(*(set(each.ids) for each in found)))
    samples = find_samples(found, ids, samples_source)
    if output is not None and not samples:
        check_structures(output, samples, ids)
    if select and select > len(ids):
        raise InputError(f"--select {select}: there are only {len(ids)} {node_kind(found) or 'sample'}s")
    errors_of_models = errors_of(errors, list(by_name(found)), ids) if errors else {}
    training = None
    if training_data is not None:
        if errors is None and not explain:
            raise InputError("--training-data is used by --errors and --explain: add one of them")
        training = find_training_data(training_data, by_name(found), ids, Store(store_path), per=rows.per)
    result = contested_with_progress(
        found,
        form=metric,
        k=k,
        neighbour_metric=neighbour_metric,
        search=search,
        families=given,
        strata=strata,
        seed=seed,
    )
    for note in result.notes:
        say(f"note: {note}")
    selected = select_for_labelling(result, select) if select else []
    predicted = None
    if errors_of_models:
        sizes = sample_sizes(samples, known_groups("formula", found, ids), result.ids)
        distances = None if training is None else training_distances(result, training)
        predicted = predict_errors(result, errors_of_models, sizes, distances)
    explanation = None
    if explain:
        per = node_kind(found)
        tokens = known_groups("token", found, result.ids) if per == "token" else None
        known = [] if training is None else training.samples.values()
        explanation = explain_contested(result, samples, per=per, labels=tokens, training=known, seed=seed)
    if output is not None and target is not None:
        sentences = explanation_sentences(explanation) if explanation else []
        written = write_contested(
            result, output, samples, number=number, selected=selected, errors=predicted, explanation=sentences
        )
        say(target.written(written))
    if as_json:
        data = contested_data(result, samples, number, selected=selected, errors=predicted)
        print_json(data | ({"explanation": explanation_data(explanation)} if explanation else {}))
        return
    print_summary(result)
    print_samples(result, samples, number)
    if selected:
        click.echo(f"\nSelected for labelling: {', '.join(result.ids[row] for row in selected)}")
    if predicted is not None:
        print_errors(predicted, list(errors_of_models), per=result.per)
    if explanation is not None:
        click.echo()
        print_explanation(explanation)
