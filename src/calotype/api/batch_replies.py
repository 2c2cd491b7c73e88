"""Batches and jobs -> the JSON that tells them to every client family."""

from __future__ import annotations

from calotype.api.dialects.families import Family
from calotype.api.dialects.outbound import batch_status, item_error
from calotype.api.problems import fine_code, top_code
from calotype.batches.batch import Batch, BatchItem, BatchState, ItemFailure, ItemPicture, ItemState
from calotype.clock import iso_seconds
from calotype.wire.replies import (
    BatchItemReply,
    BatchProgress,
    BatchReply,
    CacheInfo,
    Failure,
    FlatShot,
    ImageInfo,
    JobReply,
    Metadata,
)


def batch_reply(batch: Batch, base_url: str, family: Family) -> BatchReply:
    """Return all of a batch."""
    return BatchReply(
        id=batch.id,
        status=batch_status(batch.state, family),
        total=len(batch.items),
        completed=batch.completed,
        failed=batch.failed,
        results=[_item(item, base_url, family) for item in batch.items],
        created_at=iso_seconds(batch.created_at),
        ended_at=None if batch.ended_at is None else iso_seconds(batch.ended_at),
        results_url=f"{base_url}/v1/batches/{batch.id}",
    )


def progress_reply(batch: Batch, item: BatchItem | None, base_url: str, family: Family) -> BatchProgress:
    """Return how far a batch is, and the capture that has just ended, if that is what is told."""
    return BatchProgress(
        id=batch.id,
        status=batch_status(batch.state, family),
        total=len(batch.items),
        completed=batch.completed,
        failed=batch.failed,
        item=None if item is None else _item(item, base_url, family),
    )


def job_reply(job: Batch, base_url: str, family: Family) -> JobReply:
    """Return what has become of the one capture of a job."""
    (item,) = job.items
    reply = JobReply(
        id=job.id,
        status=batch_status(BatchState.PROCESSING if not job.state.is_over else job.state, family),
        created_at=iso_seconds(job.created_at),
        ended_at=None if job.ended_at is None else iso_seconds(job.ended_at),
    )
    match item.outcome:
        case ItemPicture() as picture:
            url = _url(picture, base_url)
            reply.url = reply.cache_url = url
            reply.width, reply.height, reply.format = picture.width_px, picture.height_px, picture.format
            reply.size, reply.cache_key, reply.ttl = picture.size_bytes, picture.key, picture.ttl_s
            reply.cached, reply.storage_path = picture.hit, picture.storage_path
            reply.image, reply.cache = _image(picture, url), _cache(picture, url)
            reply.metadata = _metadata(picture)
        case ItemFailure() as failure:
            reply.code, reply.message = top_code(failure.code), failure.message
            reply.error = failure.message if family is Family.JAVA else _failure(failure)
        case None:
            pass
    return reply


def _item(item: BatchItem, base_url: str, family: Family) -> BatchItemReply:
    reply = BatchItemReply(url=item.url, status=item.state, success=item.state is ItemState.COMPLETED)
    match item.outcome:
        case ItemPicture() as picture:
            url = _url(picture, base_url)
            reply.image_url, reply.image, reply.cache = url, _image(picture, url), _cache(picture, url)
            reply.metadata = _metadata(picture)
            reply.response = FlatShot(
                url=url,
                cache_url=url,
                width=picture.width_px,
                height=picture.height_px,
                format=picture.format,
                size=picture.size_bytes,
                cache_key=picture.key,
                ttl=picture.ttl_s,
                cached=picture.hit,
                storage_path=picture.storage_path,
            )
        case ItemFailure() as failure:
            reply.failure = _failure(failure)
            told = Failure(
                code=top_code(failure.code),
                message=failure.message,
                details=reply.failure.details,
                retryable=failure.retryable,
            )
            reply.error = item_error(told, family)
        case None:
            pass
    return reply


def _url(picture: ItemPicture, base_url: str) -> str:
    return f"{base_url}/{picture.path}"


def _image(picture: ItemPicture, url: str) -> ImageInfo:
    return ImageInfo(
        url=url,
        width=picture.width_px,
        height=picture.height_px,
        size=picture.size_bytes,
        format=picture.format,
    )


def _cache(picture: ItemPicture, url: str) -> CacheInfo:
    return CacheInfo(hit=picture.hit, key=picture.key, url=url, expires_at=iso_seconds(picture.expires_at))


def _metadata(picture: ItemPicture) -> Metadata:
    return Metadata(
        title=picture.title,
        description=picture.description,
        final_url=picture.final_url,
        http_status=picture.http_status,
    )


def _failure(failure: ItemFailure) -> Failure:
    facts = {
        "field": failure.field,
        "problem": failure.problem,
        "remedy": failure.remedy,
        "hint": failure.hint,
    }
    return Failure(
        code=fine_code(failure.code),
        message=failure.message,
        details={name: text for name, text in facts.items() if text},
        retryable=failure.retryable,
    )
