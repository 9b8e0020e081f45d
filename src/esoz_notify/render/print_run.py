"""Many summaries as one file for a printer.

What belongs here: putting drawn sheets together. What does not: drawing them (``summary``), choosing them (``engine``).
"""

import io
from collections.abc import Iterable

from esoz_notify.render.texts import DEFAULT_LANGUAGE

TITLE = "Інформаційні довідки"


def stacked(documents: Iterable[bytes]) -> bytes:
    """PDF documents one after another as one. Their tags are not kept: it is for paper, not for screen readers."""
    import pypdf
    from pypdf.generic import NameObject, TextStringObject

    writer = pypdf.PdfWriter()
    for document in documents:
        writer.append(io.BytesIO(document), import_outline=False)
    writer.compress_identical_objects(remove_duplicates=True, remove_unreferenced=True)
    writer.add_metadata({"/Title": TITLE})
    writer.root_object[NameObject("/Lang")] = TextStringObject(DEFAULT_LANGUAGE)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
