"""The two kinds of failure: a caller's mistake, and a datum that cannot be used."""


class InputError(ValueError):
    """A caller's mistake: names the item, what is wrong with it, and the remedy. Stops the job."""

    def __init__(self, item: object, problem: str, remedy: str) -> None:
        super().__init__(f"{item}: {problem}. {remedy[:1].upper()}{remedy[1:]}.")
        self.item, self.problem, self.remedy = str(item), problem, remedy


class UnusableDatum(Exception):
    """One photo, mesh or clip that cannot be used. The stage turns it into a row of `rejects.csv`."""
