"""One comment on a pull request, written once and then kept up to date: GitHub's API, as a job on GitHub finds it."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstream import errors, limits
from workstream.reports.github import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PAGE = 100


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request, and how its API is asked.

    Attributes:
        api: the API's address.
        repository: `owner/name`.
        number: the pull request's.
        token: what the job may do.

    """

    api: str
    repository: str
    number: int
    token: str

    def say(self, text: str) -> str:
        """Write the one comment that begins with our mark, or bring it up to date; return its address.

        A comment that a person wrote is never touched, whatever it begins with.

        Raises:
            errors.PublishError: GitHub refuses it, or does not answer.

        """
        comments = f"/repos/{self.repository}/issues/{self.number}/comments"
        ours = next((one["id"] for one in self._comments(comments) if _is_ours(one)), None)
        if ours is None:
            return str(self._ask("POST", comments, {"body": text})["html_url"])
        return str(self._ask("PATCH", f"/repos/{self.repository}/issues/comments/{ours}", {"body": text})["html_url"])

    def _comments(self, path: str) -> Iterator[dict[str, Any]]:
        for number in itertools.count(1):
            page = self._ask("GET", f"{path}?per_page={_PAGE}&page={number}")
            yield from page
            if len(page) < _PAGE:
                return

    def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
        request = urllib.request.Request(  # noqa: S310 - the runner's own address
            self.api + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "User-Agent": "workstream",
            },
        )
        opener = urllib.request.build_opener(_NoRedirects)
        try:
            with opener.open(request, timeout=limits.QUERY.seconds) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            why = f"{error.code} {error.reason}"
            instead = "The token of a pull request of a fork may only read." if error.code in {401, 403} else ""
        except (OSError, ValueError, http.client.HTTPException) as error:
            why, instead = str(error), ""
        raise errors.PublishError(
            f"GitHub does not take the comment on pull request {self.number}: {why}.", instead=instead
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows none: the token is for one address."""

    def redirect_request(self, *_: object) -> None:
        """Return that there is no other request."""


def _is_ours(comment: Mapping[str, Any]) -> bool:
    author = comment.get("user") or {}
    return str(comment.get("body")).startswith(MARK) and author.get("type") == "Bot"


def of_this_job(environment: Mapping[str, str] = os.environ) -> PullRequest | None:
    """Return the pull request that a job on GitHub runs for; None if it runs for something else.

    Raises:
        errors.PublishError: the job was given no token.

    """
    path = environment.get("GITHUB_EVENT_PATH")
    event = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    number = event.get("pull_request", {}).get("number")
    if number is None:
        return None
    if not environment.get("GITHUB_TOKEN"):
        raise errors.PublishError(
            f"The job was given no token, so nobody is told on pull request {number}.",
            instead="Set GITHUB_TOKEN from github.token for this step.",
        )
    return PullRequest(
        environment["GITHUB_API_URL"], environment["GITHUB_REPOSITORY"], number, environment["GITHUB_TOKEN"]
    )
