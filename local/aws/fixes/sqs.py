"""SQS: no lost and no doubled messages, and no event source mapping run by moto itself."""

import time

from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Queue, SQSBackend

LOOK = 0.2  # seconds after which a waiting receiver looks for messages that time made visible


def apply():
    """Replaces the queue's deletion, receiving and its own Lambda polling.

    moto swaps and walks its list of messages without the lock that a send
    takes: a message would vanish, be handed to two receivers at once, or stay
    although it went to the dead-letter queue.
    """
    moto_receive = SQSBackend.receive_message
    moto_change = SQSBackend.change_message_visibility

    def receive_message(self, queue_name, count, wait_seconds_timeout, visibility_timeout, message_attribute_names=None):
        queue = self.get_queue(queue_name)
        end = time.monotonic() + (wait_seconds_timeout or 0)
        while True:
            with queue._messages_lock:
                found = moto_receive(self, queue_name, count, 0, visibility_timeout, message_attribute_names)
            left = end - time.monotonic()
            if found or left <= 0:
                return found
            queue.wait_for_messages(min(left, LOOK))

    def change_message_visibility(self, queue_name, receipt_handle, visibility_timeout):
        with self.get_queue(queue_name)._messages_lock:
            moto_change(self, queue_name, receipt_handle, visibility_timeout)

    Queue.delete_message = delete_message
    SQSBackend.receive_message = receive_message
    SQSBackend.change_message_visibility = change_message_visibility
    # The Lambda host polls; moto would invoke from inside the sender's request.
    Queue.lambda_event_source_mappings = property(lambda self: {}, lambda self, value: None)


def delete_message(queue, receipt_handle):
    """Deletes one message; without moto's copy of all the others."""
    with queue._messages_lock:
        if receipt_handle in queue.deleted_messages:
            return
        for index, message in enumerate(queue._messages):
            if message.had_receipt_handle(receipt_handle):
                del queue._messages[index]
                queue.pending_messages.discard(message)
                queue.deleted_messages.update(message.all_receipt_handles)
                return
    raise ReceiptHandleIsInvalid()
