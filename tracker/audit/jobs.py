"""Signs where each chain ends and keeps the statement outside the database, so that a cut tail shows."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from tracker.audit import service
from tracker.db import Database, transaction
from tracker.schedule import Job


def heads_job(list_establishment_ids: Callable[[Database], list[UUID]], *, signing_key: bytes, path: Path) -> Job:
    """Return the job that appends one signed head of each establishment to ``path``, every hour."""

    def run(database: Database, now: datetime) -> int:
        establishment_ids = list_establishment_ids(database)
        for establishment_id in establishment_ids:
            with transaction(database, establishment_id) as session:
                signed = service.sign_head(session, establishment_id, signing_key=signing_key, now=now)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(signed, sort_keys=True) + "\n")
        return len(establishment_ids)

    return Job("audit.heads", timedelta(hours=1), run)
