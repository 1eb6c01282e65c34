"""The base of the control room's answers: the models that openapi.json shows. A test holds the answers
against them."""

from pydantic import BaseModel, ConfigDict


class AnswerModel(BaseModel):
    model_config = ConfigDict(extra="forbid")
