"""SQS: no lost messages, and no event source mapping run by moto itself."""

from moto.sqs.models import Queue


def apply():
    """Replaces the queue's deletion and its own Lambda polling."""
    moto_delete = Queue.delete_message

    def delete_message(self, receipt_handle):
        # moto swaps the list of messages without the lock that a send takes:
        # a message sent meanwhile would vanish.
        with self._messages_lock:
            moto_delete(self, receipt_handle)

    Queue.delete_message = delete_message
    # The Lambda host polls; moto would invoke from inside the sender's request.
    Queue.lambda_event_source_mappings = property(lambda self: {}, lambda self, value: None)
