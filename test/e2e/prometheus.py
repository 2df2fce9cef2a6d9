"""A strict reader of Prometheus' text format 0.0.4: what a scraper takes leniently is an error here."""

import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(r"(%s)(?:\{(.*)\})? (NaN|[+-]Inf|[+-]?[0-9.]+(?:e[+-]?[0-9]+)?)" % NAME)
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


def labels_of(text):
    labels, at = {}, 0
    while at < len(text or ""):
        found = LABEL.match(text, at)
        assert found, "bad labels: %r" % text
        name, value = found.groups()
        assert name not in labels, "label twice: %r" % text
        labels[name] = re.sub(r"\\(.)", lambda escape: {"n": "\n"}.get(escape.group(1), escape.group(1)), value)
        at = found.end()
        assert at == len(text) or (text[at] == "," and at + 1 < len(text)), "bad labels: %r" % text
        at += 1
    return labels


class Family:
    def __init__(self, name):
        self.name, self.type, self.samples = name, None, {}

    def add(self, name, labels, value):
        suffix = name[len(self.name):]
        assert suffix in SUFFIXES.get(self.type, ("",)), "%s is no sample of the %s %s" % (name, self.type, self.name)
        key = (suffix, tuple(sorted(labels.items())))
        assert key not in self.samples, "twice: %s %s" % (name, labels)
        assert self.type == "gauge" or value >= 0, "%s is negative" % name
        assert self.type != "counter" or name.endswith("_total"), "%s is a counter" % name
        self.samples[key] = value

    def check_histograms(self):
        rows = {}
        for (suffix, labels), value in self.samples.items():
            rest = tuple(item for item in labels if item[0] != "le")
            row = rows.setdefault(rest, {"_bucket": []})
            if suffix == "_bucket":
                row["_bucket"].append((float(dict(labels)["le"]), value))
            else:
                row[suffix] = value
        for labels, row in rows.items():
            bounds, counts = zip(*row["_bucket"])
            assert list(bounds) == sorted(set(bounds)) and bounds[-1] == math.inf, "bounds of %s %s" % (self.name, labels)
            assert list(counts) == sorted(counts), "counts of %s %s fall" % (self.name, labels)
            assert row["_count"] == counts[-1] and "_sum" in row, "count or sum of %s %s" % (self.name, labels)


def parse(text):
    """The families by name; an AssertionError says what is wrong."""
    assert text.endswith("\n") and "\r" not in text
    families, current = {}, None
    for line in text[:-1].split("\n"):
        comment = re.fullmatch(r"# (HELP|TYPE) (%s) (.+)" % NAME, line)
        if comment and comment.group(1) == "HELP":
            assert comment.group(2) not in families, "%s is announced twice" % comment.group(2)
            current = families[comment.group(2)] = Family(comment.group(2))
        elif comment:
            assert current and comment.group(2) == current.name and current.type is None, line
            assert comment.group(3) in ("counter", "gauge", "histogram"), line
            current.type = comment.group(3)
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, "no sample: %r" % line
            assert current and current.type and sample.group(1).startswith(current.name), "out of place: %r" % line
            current.add(sample.group(1), labels_of(sample.group(2)), float(sample.group(3)))
    for family in families.values():
        assert family.type, "%s has no type" % family.name
        if family.type == "histogram" and family.samples:
            family.check_histograms()
    return families


def value(families, name, suffix="", **labels):
    """One sample's value; None when it is not there."""
    return families[name].samples.get((suffix, tuple(sorted(labels.items()))))
