"""A patient and a cluster come in; everything is read, every rule is asked, and findings go out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from oncewhere.cluster import Access, ClusterSurvey, Refused

from .fact import Unread
from .facts import Chart
from .finding import Finding
from .readers.databases import read_database
from .readers.kafka import read_cluster
from .readers.principal import principal_of
from .readers.subjects import Patient
from .rule import Area
from .rules.table import examine


async def read_facts(patient: Patient, bootstrap_servers: str, settings: Mapping[str, str]) -> Chart:
    """Reads everything once; nothing is changed.

    Args:
        patient: what is examined.
        bootstrap_servers: where its cluster is.
        settings: how its brokers are spoken to.

    Raises:
        UnreachableError: no broker answers.
        ConfigurationError: they refuse us.
        InconclusiveError: the brokers do not even say who they are.
    """
    principal = principal_of(settings)
    subject = patient.subject
    async with await ClusterSurvey.connect(bootstrap_servers, access=Access.from_settings(settings)) as survey:
        cluster = await read_cluster(survey, subject, principal=principal)
        places = [
            await asyncio.to_thread(read_database, database, group=subject.group) for database in patient.databases
        ]
        later = {} if subject.group is None else await survey.all_committed(subject.group)
    return Chart(
        subject=subject,
        brokers=cluster.brokers,
        topics=cluster.topics,
        transactions=cluster.transactions,
        group=cluster.group,
        committed_later=Unread(later.error) if isinstance(later, Refused) else later,
        readers=cluster.readers,
        places=tuple(places),
        principal=principal,
        clients=patient.clients,
        processor_settings=patient.settings,
        first_records=cluster.first_records,
    )


def diagnose(facts: Chart, areas: tuple[Area, ...] = tuple(Area)) -> tuple[Finding, ...]:
    """Asks every rule of some areas."""
    return examine(facts, areas)


def with_outputs(patient: Patient, topics: tuple[str, ...]) -> Patient:
    """The same, with these topics as outputs: of a cluster without a processor, the topics that matter."""
    return replace(patient, subject=replace(patient.subject, outputs=topics))
