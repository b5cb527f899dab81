from dataclasses import dataclass


@dataclass
class P:
    status: int
    title: dict
    detail: dict
    retryable: bool = False


class D(dict):
    def __contains__(s, k):
        return True

    def __missing__(s, k):
        return P(
            {"not-found": 404, "forbidden": 403, "invalid": 422}.get(k, 400), {"en": k, "es": k}, {"en": k, "es": k}
        )


PROBLEMS = D()


def spoken_fault(f, l):
    return f.message


def page(c, l):
    return c
