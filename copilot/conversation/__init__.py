"""Conversation: a question in somebody's own words, answered once from the rows, read-only look-ups and the model.

A question is a row. Whoever holds its lease answers it: a thread of the process that took it in, or, where that process
died, a worker that the sweeper told. The answer is shown by the face through which it was asked.
"""

from copilot.conversation.answering import answer, answer_soon, sweep
from copilot.conversation.asking import Asked, ask, judge, read, stop

__all__ = ["Asked", "answer", "answer_soon", "ask", "judge", "read", "stop", "sweep"]
