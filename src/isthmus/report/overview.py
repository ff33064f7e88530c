"""The first ten seconds and the last page: verdicts, numbers, learning curves, the model card, as HTML."""

from __future__ import annotations

from collections.abc import Iterator

from .charts import CLASSES, Axis, Line, chart
from .content import Content, Number, Verdict
from .shell import details, escape, figure

__all__ = ["STATUS", "card", "headline", "learning", "numbers", "verdicts"]

Section = tuple[str, str, str]
"""A section's name in the page, its title, its HTML."""

STATUS = {"fault": "Fault", "warning": "Warning", "healthy": "Healthy"}


def headline(content: Content) -> str:
    """Return what a reader should know first: one status, one sentence, a handful of numbers."""
    verdicts = content.verdicts
    counts = {status: sum(v.status == status for v in verdicts) for status in STATUS}
    if not verdicts:
        status, word, sentence = "none", "Not judged", content.facts[0]
    elif counts["fault"]:
        status, word, sentence = "fault", _count(counts["fault"], "fault"), _first(verdicts[0])
    elif counts["warning"]:
        status, word, sentence = "warning", _count(counts["warning"], "warning"), _first(verdicts[0])
    else:
        status, word = "healthy", "Healthy"
        sentence = f"All {len(verdicts)} checks passed." if len(verdicts) > 1 else verdicts[0].statement
    tiles = "".join(_tile(n) for n in content.numbers if n.key)
    others = [_count(counts[s], s) for s in ("warning", "healthy") if s != status and counts[s]]
    also = f'<p class="also">Also {escape(" and ".join(others))}.</p>' if others and status != "healthy" else ""
    said = f'<p class="status">{escape(word)}</p><p class="lead">{escape(sentence)}</p>{also}'
    return f'<div class="headline {status}">{said}</div>' + (f'<div class="tiles">{tiles}</div>' if tiles else "")


def _first(verdict: Verdict) -> str:
    return f"{verdict.about[:1].upper()}{verdict.about[1:]}: {verdict.statement}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 or what == "healthy" else f"{n} {what}s"


def _tile(tile: Number) -> str:
    floor = f"<small>real rows {escape(tile.floor)}</small>" if tile.floor and tile.group == "Samples" else ""
    return details(
        f"<b>{escape(tile.text.partition(' ± ')[0])}</b><span>{escape(tile.name)}</span>{floor}",
        f"<p>{escape(tile.definition)}</p>",
        "tile",
    )


def verdicts(content: Content) -> Iterator[Section]:
    """Yield the verdicts, the worst first, what is healthy in small."""
    if content.verdicts:
        bad = "".join(_verdict(v) for v in content.verdicts if v.status != "healthy")
        good = "".join(_verdict(v) for v in content.verdicts if v.status == "healthy")
        yield "verdicts", "Verdicts", f'{bad}<div class="healthy-ones">{good}</div>'


def _verdict(verdict: Verdict) -> str:
    evidence = "".join(
        f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{value:,.4g}</dd>" for name, value in verdict.evidence.items()
    )
    inside = f'<dl class="evidence">{evidence}</dl><p>{escape(verdict.threshold)}</p>'
    advice = f'<p class="advice"><b>Try</b> {escape(verdict.advice)}</p>' if verdict.advice else ""
    return (
        f'<article class="verdict {escape(verdict.status)}"><h3><i>{STATUS[verdict.status]}</i> {escape(verdict.about)}'
        f"</h3><p>{escape(verdict.statement)}</p>{advice}{details('Evidence and threshold', inside)}</article>"
    )


def numbers(content: Content) -> Iterator[Section]:
    """Yield the numbers, each a click from its definition."""
    groups = list(dict.fromkeys(n.group for n in content.numbers))
    blocks = []
    for group in groups:
        rows = "".join(
            details(
                f"<span>{escape(n.name)}</span><b>{escape(n.text)}</b><small>{_beside(n)}</small>",
                f"<p>{escape(n.definition)}</p>",
                "number",
            )
            for n in content.numbers
            if n.group == group
        )
        blocks.append(f'<div class="numbers"><h3>{escape(group)}</h3>{rows}</div>')
    yield (
        "numbers",
        "Numbers",
        '<p class="note">Click a number for its definition.</p><div class="columns">' + "".join(blocks) + "</div>",
    )


def _beside(measured: Number) -> str:
    if not measured.floor:
        return ""
    return escape(f"{'guessing' if measured.group == 'Codes' else 'real'} {measured.floor}")


def learning(content: Content) -> Iterator[Section]:
    """Yield a chart a term."""
    panels = []
    for curve in content.learning:
        marks = [Line(x, y, name, CLASSES[i]) for i, (name, (x, y)) in enumerate(curve.lines.items())]
        x = Axis.of("epoch", *(m.x for m in marks), margin=0.02)
        y = Axis.of(curve.unit, *(m.y for m in marks), log=True)
        last = ", ".join(f"{m.name} {m.y[-1]:.4g}" for m in marks)
        alt = f"{curve.term} by epoch; in the last epoch {last}"
        panels.append(figure(chart(marks, x, y, alt, hover=True, whole=True), "", curve.term))
    if panels:
        note = '<p class="note">Every term of every player’s loss, and what else was counted, by epoch.</p>'
        yield "learning", "Learning curves", f'{note}<div class="grid">{"".join(panels)}</div>'


def card(content: Content) -> Iterator[Section]:
    """Yield what the model is, and the command that made the report."""
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in content.card.items()
    )
    body = f'<p>{escape(content.summary)}</p><table class="card"><tbody>{rows}</tbody></table>'
    if content.command:
        body += f'<h3>This report was made by</h3><pre tabindex="0"><code>{escape(content.command)}</code></pre>'
    yield "card", "Model card", body
