"""Status pages: what the vendors that services depend on say of themselves."""

from __future__ import annotations

import textwrap
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from integrations.base import Category, Credentials, Health, Integration
from integrations.questions import Questions
from integrations.rest import Rest
from integrations.statuspage import formats, pages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations.base import Door, Scope
    from integrations.statuspage.pages import Page
    from scoring.observations import Observation, Window

__all__ = ["StatusPageCredentials", "StatusPages"]


class StatusPageCredentials(Credentials):
    """Hold which vendors' status pages are read, and which services depend on each."""

    pages: str = Field(
        title="Pages",
        description="YAML: a list of pages, each with url, name, the services that depend on it, and perhaps components and regions",
    )

    @field_validator("pages", mode="before")
    @classmethod
    def _indented_text_stays_yaml(cls, value: object) -> object:
        # Blanks are stripped from the ends of what is entered: that would move the first line of an indented list alone.
        return textwrap.dedent(value) if isinstance(value, str) else value

    @field_validator("pages")
    @classmethod
    def _are_pages(cls, value: str) -> str:
        pages.parse(value)
        return value

    def listed(self) -> tuple[Page, ...]:
        """Return the pages."""
        return pages.parse(self.pages)


class StatusPages(Integration):
    """Read the public status pages of vendors, for the services that are said to depend on them.

    Tested by exchanges recorded in the documented shapes of Atlassian Statuspage and of Google Cloud's status.
    """

    slug: ClassVar[str] = "statuspage"
    title: ClassVar[str] = "Status pages"
    Credentials: ClassVar[type[Credentials]] = StatusPageCredentials
    gathers: ClassVar[bool] = True
    categories: ClassVar[tuple[Category, ...]] = (Category.NETWORK,)
    gather_cost: ClassVar[int] = 4
    gives: ClassVar[str] = (
        "outages, degraded parts and maintenance of vendors, as conditions of what the service depends on, with the page's words"
    )
    needs: ClassVar[str] = "nothing but the way out to the pages, which are public"
    limits: ClassVar[str] = (
        "20 pages, 10 incidents a page; Atlassian Statuspage (`/api/v2`) and Google Cloud (`incidents.json`), not AWS Health"
    )
    setup: ClassVar[str] = """
        Say which of your services depend on which vendor; a page is read only where the paged service or one around it is named
        (`*` stands for all). `components` and `regions` leave the rest of a large vendor out.

        ```yaml
        - url: https://www.githubstatus.com
          name: github
          services: [ci, deployer]
          components: [Actions, API Requests]
        - url: https://status.cloud.google.com
          name: google-cloud
          services: ["*"]
          components: [Google Kubernetes Engine, Cloud SQL]
          regions: [europe-west1]
        ```

        ```sh
        copilot connect acme statuspage --set pages=@pages.yaml
        ```

        What a page says is weighed as evidence about the vendor. It is never named as the cause by itself: something must be
        wrong at a service that depends on it, and the outage must have begun no later.
    """

    def asks(self, credentials: StatusPageCredentials) -> bool:
        """Return whether any page is to be read."""
        return bool(credentials.listed())

    def gather(
        self, door: Door, credentials: StatusPageCredentials, scope: Scope, window: Window
    ) -> Iterable[Observation]:
        """Yield what the pages say of the vendors that the scope's services depend on, and who depends on them.

        :raises SourceError: where no page answers.
        """
        questions = Questions(source=self.slug, door=door)
        for page in credentials.listed():
            dependents = page.dependents(scope)
            if not dependents:
                continue
            with door.client(page.base) as client:
                reader = formats.reader(page, Rest(client, page.name))
                found = questions.ask(f"status of {page.name}", partial(reader, window))
            if found is not None:
                yield from page.observations(found, dependents, source=self.slug)
        yield from questions.close()

    def check(self, door: Door, credentials: StatusPageCredentials) -> Health:
        """Read each page once, and say what each says now."""
        questions = Questions(source=self.slug, door=door)
        said = []
        for page in credentials.listed():
            with door.client(page.base) as client:
                now: Any = questions.ask(page.name, partial(formats.now, page, Rest(client, page.name)))
            if now is not None:
                said.append(f"{page.name}: {now}")
        failed = [f"{gap.question}: {gap.reason}" for gap in questions.close()]
        return Health(works=not failed, detail="; ".join([*failed, *said])[:1000])
