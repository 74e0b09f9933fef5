"""The Hugging Face hub: a folder becomes a dataset repository there. The only door to huggingface_hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from axolotl_ragdata.errors import EndpointError, MissingKey, RecipeError

TOKEN = "HF_TOKEN"  # noqa: S105 the name of a variable
FIX = "check the name, the network and that the token may write there"


def upload(folder: Path, files: Sequence[Path], repo_id: str, private: bool, message: str) -> str:
    """Make a dataset repository, where there is none of that name, and put files into it in one commit; return its URL.

    A repository that is there keeps the visibility that it has.

    Args:
        folder: What the names of the files are relative to.
        files: What is uploaded.
        repo_id: `name` or `organisation/name`.
        private: Whether a new repository can only be seen by its owners.
        message: Of the commit.

    Raises:
        MissingKey: There is no token: neither HF_TOKEN nor `hf auth login`.
        RecipeError: The name of the repository cannot be one.
        EndpointError: The hub refuses, or cannot be reached.
    """
    import httpx
    from huggingface_hub import CommitOperationAdd, HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    if get_token() is None:
        raise MissingKey(TOKEN, "is not set, and nobody is logged in", f"export {TOKEN}=…, or `hf auth login`")
    api = HfApi(library_name="axolotl-ragdata")
    try:
        made = api.create_repo(repo_id, repo_type="dataset", private=private, exist_ok=True)
        added = [CommitOperationAdd(path.relative_to(folder).as_posix(), path) for path in files]
        api.create_commit(made.repo_id, added, commit_message=message, repo_type="dataset")
        return f"{api.endpoint}/datasets/{made.repo_id}"
    except HFValidationError as problem:
        raise RecipeError("REPOSITORY", _first_line(problem), "give NAME or OWNER/NAME") from None
    except OfflineModeIsEnabled as problem:
        raise EndpointError(api.endpoint, _first_line(problem), "unset HF_HUB_OFFLINE") from None
    except HfHubHTTPError as problem:
        raise EndpointError(f"{api.endpoint} {repo_id}", _first_line(problem), FIX) from None
    except (httpx.HTTPError, OSError) as problem:  # no connection
        raise EndpointError(api.endpoint, _first_line(problem), FIX) from None


def _first_line(problem: BaseException) -> str:
    return next((line for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
