"""Compares when cron expressions are due with PyPI's cronsim, over random expressions, zones and times near clock changes.

    compare.py DRIVER [EXPRESSIONS] [SEED]

Both read the machine's time zone database, also the rules for what comes behind the last change that it lists (2037). Where an expression follows the clock, cronsim begins each day at midnight and goes on by
whole hours, which leads astray where clocks are set at midnight, or not at a whole hour. Of those zones it is asked
for expressions that name hours and minutes only; the others are compared with what clocks show minute by minute.
"""

import datetime
import os
import random
import subprocess
import sys
import zoneinfo

CRONSIM = os.path.join(os.environ.get("UBIQ_DEPS", ".deps"), "cronsim")
COUNT = 6  # times that are compared of each expression
MINUTES = 2 * 24 * 60  # that are looked at one by one
UTC = datetime.timezone.utc
ZONES = ["UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
         "America/Havana", "America/Santiago", "America/Asuncion", "Asia/Kolkata", "Asia/Tokyo", "Asia/Tehran", "Asia/Beirut",
         "Asia/Gaza", "Africa/Cairo", "Africa/Casablanca", "Australia/Sydney", "Pacific/Auckland", "Pacific/Chatham",
         "Atlantic/Azores", "America/Nuuk"]
ODD = {"America/St_Johns", "America/Havana", "America/Sao_Paulo", "America/Santiago", "America/Asuncion",
       "Asia/Tehran", "Asia/Beirut", "Asia/Gaza", "Africa/Cairo", "Africa/Casablanca", "Atlantic/Azores",
       "Pacific/Chatham"}
NAMES = {4: "jan feb mar apr may jun jul aug sep oct nov dec".split(), 5: "sun mon tue wed thu fri sat".split()}
RANGES = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


def item(chance, index):
    low, high = RANGES[index]
    kind = chance.random()
    a, b = sorted((chance.randint(low, high), chance.randint(low, high)))
    if kind < 0.45:
        name = NAMES.get(index)
        return name[(a - low) % len(name)] if name and chance.random() < 0.4 else str(a)
    if kind < 0.65:
        return "%d-%d" % (a, b)
    if kind < 0.75 and a < b:  # cronsim reads 5-5/2 as 5/2
        return "%d-%d/%d" % (a, b, chance.randint(1, high))
    if kind < 0.85:
        return "%d/%d" % (a, chance.randint(1, high))
    if index == 3:
        return chance.choice(["L", "LW"])
    if index == 5:
        return chance.choice(["%dL" % a, "%d#%d" % (a, chance.randint(1, 5))])
    return "*/%d" % chance.randint(1, high)


def field(chance, index):
    star = 0.55 if index in (3, 4, 5) else 0.15
    if chance.random() < star:
        return "*" if chance.random() < 0.8 else "*/%d" % chance.randint(1, RANGES[index][1])
    return ",".join(item(chance, index) for _ in range(1 + (chance.random() < 0.25)))


def expression(chance):
    first = 0 if chance.random() < 0.25 else 1
    return " ".join(field(chance, index) for index in range(first, 6))


def clock_changes(zone):
    """Days of UTC between which the zone's clocks were set, 2005 to 2060."""
    info, changes, last = zoneinfo.ZoneInfo(zone), [], None
    day = datetime.datetime(2005, 1, 1, tzinfo=UTC)
    while day.year < 2061:
        offset = day.astimezone(info).utcoffset()
        if last is not None and offset != last:
            changes.append(int(day.timestamp()))
        last = offset
        day += datetime.timedelta(days=1)
    return changes


def moment(chance, changes):
    if changes and chance.random() < 0.6:
        return chance.choice(changes) - 86400 * 2 + chance.randint(0, 3 * 86400)
    return chance.randint(1104537600, 2871763200)


def theirs(cronsim, text, zone, after):
    """What cronsim says, or None where it refuses or finds nothing."""
    start = datetime.datetime.fromtimestamp(after, UTC).astimezone(zoneinfo.ZoneInfo(zone))
    if zone == "UTC":
        start = start.astimezone(UTC)
    times = []
    try:
        for at in cronsim.CronSim(text, start):
            if int(at.timestamp()) > after:  # it answers times before, from within an hour that comes again
                times.append(int(at.timestamp()))
            if len(times) == COUNT:
                break
    except cronsim.CronSimError:
        return None
    return times or None


def is_looked_at_by_debian(text):
    """cronsim's rule for which expressions gaps and repeats are treated as Debian's cron does."""
    parts = text.split()
    return len(parts) == 5 and not parts[0].startswith("*") and not parts[1].startswith("*")


def questions(chance, count):
    changes = {zone: clock_changes(zone) for zone in ZONES}
    while count > 0:
        zone, text = chance.choice(ZONES), expression(chance)
        if zone not in ODD or is_looked_at_by_debian(text):
            yield text, zone, moment(chance, changes[zone])
            count -= 1


def by_minute(cronsim, text, zone, after):
    """When the zone's clocks show a time that matches, of MINUTES from `after` on; None where cronsim cannot read the expression."""
    info = zoneinfo.ZoneInfo(zone)
    try:
        fields = cronsim.CronSim(text, datetime.datetime.fromtimestamp(after, UTC))
    except cronsim.CronSimError:
        return None
    times = []
    for at in range(after + 60, after + MINUTES * 60, 60):
        shown = datetime.datetime.fromtimestamp(at, UTC).astimezone(info)
        if (shown.minute in fields.minutes and shown.hour in fields.hours and shown.month in fields.months and
                fields.match_day(shown.date())):
            times.append(at)
    return times


def follow_clocks(cronsim, driver, chance, count):
    """How many expressions that follow the clocks of odd zones are due at other times than these show."""
    changes, different, asked = {zone: clock_changes(zone) for zone in ODD}, 0, []
    while len(asked) < count:
        zone, text = chance.choice(sorted(ODD)), expression(chance)
        if len(text.split()) == 5 and not is_looked_at_by_debian(text):
            asked.append((text, zone, (chance.choice(changes[zone]) - chance.randint(0, 43200)) // 60 * 60))
    lines = ["follow %s %d %d %s" % (zone, after, MINUTES, text) for text, zone, after in asked]
    ours = subprocess.run([driver], input="\n".join(lines) + "\n", stdout=subprocess.PIPE, text=True, check=True)
    for (text, zone, after), line in zip(asked, ours.stdout.splitlines(), strict=True):
        wanted = by_minute(cronsim, text, zone, after)
        mine = [int(at) for at in line.split() if int(at) < after + MINUTES * 60] if line != "refused" else []  # or never due
        if wanted is not None and mine != wanted:
            print("%r %s after %d: not as clocks show" % (text, zone, after))
            different += 1
    return different


def main(driver, count=20000, seed=7):
    if not os.path.isdir(CRONSIM):
        print("skipped: %s is missing; run scripts/setup" % CRONSIM)
        return 77
    sys.path.insert(0, CRONSIM)
    import cronsim
    asked = list(questions(random.Random(seed), count))
    lines = ["%s %s %d %d %s" % ("debian" if is_looked_at_by_debian(text) else "follow", zone, after, COUNT, text)
             for text, zone, after in asked]
    ours = subprocess.run([driver], input="\n".join(lines) + "\n", stdout=subprocess.PIPE, text=True, check=True)
    different = refused = 0
    for (text, zone, after), line in zip(asked, ours.stdout.splitlines(), strict=True):
        mine = None if line == "refused" else [int(at) for at in line.split()]
        wanted = theirs(cronsim, text, zone, after)
        refused += wanted is None
        if mine != wanted and different < 20:
            print("%r %s after %d:\n  ours   %s\n  theirs %s" % (text, zone, after, mine, wanted))
        different += mine != wanted
    different += follow_clocks(cronsim, driver, random.Random(seed), count // 50)
    print("%d expressions, %d of them refused by both or never due, %d different" % (count, refused, different))
    return 1 if different or refused > count / 2 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:4])))
