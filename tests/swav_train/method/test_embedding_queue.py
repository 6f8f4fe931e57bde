import pytest
import torch

from swav_train.method.embedding_queue import EmbeddingQueue


def rows(*values):
    return torch.tensor(values, dtype=torch.float32)[:, None].expand(-1, 2)


def held(queue):
    return sorted(queue.embeddings()[:, 0].tolist())


def test_it_starts_empty_even_if_zeros_are_pushed():
    queue = EmbeddingQueue(4, 2)
    assert len(queue.embeddings()) == 0
    queue.push(rows(0, 0))
    assert len(queue.embeddings()) == 2
    assert not queue.is_full


def test_the_oldest_fall_out():
    queue = EmbeddingQueue(4, 2)
    for batch in (rows(1, 2, 3), rows(4, 5), rows(6)):
        queue.push(batch)
    assert held(queue) == [3, 4, 5, 6]
    assert queue.is_full


def test_a_batch_larger_than_the_queue_leaves_its_end():
    queue = EmbeddingQueue(3, 2)
    queue.push(rows(1, 2, 3, 4, 5))
    assert held(queue) == [3, 4, 5]


def test_pushed_rows_are_detached_copies():
    queue = EmbeddingQueue(2, 2)
    batch = torch.ones(1, 2, requires_grad=True)
    queue.push(batch)
    assert not queue.embeddings().requires_grad


def test_a_restored_queue_goes_on_in_the_same_place():
    queue, copy = EmbeddingQueue(3, 2), EmbeddingQueue(3, 2)
    queue.push(rows(1, 2))
    copy.restore(
        *(part.clone() if isinstance(part, torch.Tensor) else part for part in queue.state())
    )
    for each in (queue, copy):
        each.push(rows(3, 4))
    assert torch.equal(queue.embeddings(), copy.embeddings())
    with pytest.raises(ValueError, match="expected"):
        copy.restore(torch.zeros(5, 2), 0, 0)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="size"):
        EmbeddingQueue(0, 2)
